/** The node agent, as a process of its own: its peers are known by their credentials, not by being in this process. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess } from '../../test/kit/process.ts';
import type { Cleanup } from './cleanup.ts';
import type { Places } from './places.ts';

const POSTERN = join(import.meta.dirname, '../../packages/cli/src/main.ts');

export function isJoined(places: Places): boolean {
  return existsSync(join(places.agentDir, 'identity.json'));
}

/** `environment`: such as the credentials of the node's role, where records are taken by signed calls alone. */
export async function startDemoAgent(
  places: Places,
  cleanup: Cleanup,
  environment: Readonly<Record<string, string | undefined>> = {},
): Promise<{ readonly log: () => string }> {
  const agent = await startProcess({
    name: 'the node agent',
    command: process.execPath,
    args: [
      ...[POSTERN, 'agent', '--dir', places.agentDir, '--workload-api-socket', places.workloadApiSocket],
      ...['--ext-authz-socket', places.authzGrpcSocket, '--ext-authz-http-socket', places.authzHttpSocket],
      ...(existsSync(places.joinTokenFile) ? ['--join-token-file', places.joinTokenFile] : []),
    ],
    environment,
    ready: { line: /"event":"ready"/ },
    readyTimeoutMs: 30_000,
  });
  cleanup.add('node agent', () => agent.stop());
  return { log: () => agent.output.text() };
}
