/** What an administrator does next, with the command line: policies, who is who on the node, and a token for it. */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AGENT_ID, AGENT_NAME, type Places, TRUST_DOMAIN } from '../places.ts';
import { readDemoPolicies } from '../policies.ts';
import type { CloudControlPlane } from './control_plane.ts';
import { mustRun } from './postern_command.ts';
import { arnOf } from './roles.ts';

export async function publishPolicies({ postern, provider }: CloudControlPlane, places: Places): Promise<void> {
  const folder = join(places.dir, 'policies');
  // The Envoy in front of payments asks as its role.
  for (const [path, text] of readDemoPolicies(provider.issuer, Date.now(), arnOf('payments'))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  // Its tests are of the time zone that the demo replaces.
  await mustRun(postern, 'policy', 'publish', '--skip-tests', folder);
}

/** `programs`: of each workload, on this node. */
export async function enterNode(
  { postern }: CloudControlPlane,
  places: Places,
  programs: { readonly [workload: string]: string },
): Promise<void> {
  const user = `unix:uid:${process.getuid?.() ?? 0}`;
  const entries = Object.entries(programs).map(([workload, program]) => {
    const identity = ['--spiffe-id', `spiffe://${TRUST_DOMAIN}/${workload}`, '--parent', AGENT_ID, '--hint', workload];
    const selectors = ['--selector', `unix:path:${realpathSync(program)}`, '--selector', user];
    return mustRun(postern, 'entry', 'create', ...identity, ...selectors);
  });
  const token = mustRun(postern, 'token', 'create', '--agent', AGENT_NAME, '--out', places.joinTokenFile);
  await Promise.all([...entries, token]);
}
