import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { findTool } from '../tools/find_tool.ts';
import { freePort } from './ports.ts';
import { startProcess } from './process.ts';

export type RunningMiniStack = {
  /** What an SDK client needs; the account is 000000000000, the credentials are MiniStack's own and open nothing else. */
  clientConfig: {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
  logs: () => string;
  stop: () => Promise<void>;
};

const READY_TIMEOUT_MS = 30_000;

/** Starts MiniStack, a stand-in for AWS, on a port of its own and with nothing in it; what it keeps goes with it. */
export async function startMiniStack(): Promise<RunningMiniStack> {
  const command = findTool('ministack');
  if (command === undefined) throw new Error('MiniStack is not installed; `npm run tools` says why');
  const folder = await mkdtemp(join(tmpdir(), 'postern-ministack-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const ministack = await startProcess({
    name: 'MiniStack',
    command,
    folder,
    environment: {
      // Functions run as programs of the `node` that it finds.
      PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
      TMPDIR: folder,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      IOT_MTLS_ENABLED: '0',
    },
    ready: { probe: () => isHealthy(endpoint) },
    readyTimeoutMs: READY_TIMEOUT_MS,
  }).catch(async (fault: unknown) => {
    await remove();
    throw fault;
  });
  return {
    clientConfig: {
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    },
    logs: ministack.output.text,
    stop: async () => {
      await ministack.stop();
      await remove();
    },
  };
}

async function isHealthy(endpoint: string): Promise<boolean> {
  const response = await fetch(`${endpoint}/_ministack/health`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
}
