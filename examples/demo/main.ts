/** `npm start`: the main job on one machine, with a transcript. See `arguments.ts` for its options. */
import { realpathSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { explainStartFault } from '@postern/cli';
import { UsageError } from '../../test/kit/command_line.ts';
import { isJoined, startDemoAgent } from './agent.ts';
import { type DemoArguments, parseArguments, USAGE } from './arguments.ts';
import { Cleanup } from './cleanup.ts';
import { pushPostures, settle } from './control_plane.ts';
import { measureDecisions } from './decision_cost.ts';
import { forgetState } from './forget_state.ts';
import { fetchIdentity } from './identity.ts';
import {
  createJoinToken,
  enterWorkloads,
  type InForce,
  type LocalDemoControlPlane,
  publishPolicies,
  startControlPlane,
} from './local_control_plane.ts';
import { linkEnvoys, localDecisionPoints, startMesh } from './mesh.ts';
import { obtainTool } from './obtain_tool.ts';
import { AGENT_ID, DEFAULT_DIR, DEFAULT_PORT_BASE, type Places, placesOf, TRUST_DOMAIN } from './places.ts';
import { startRecorded } from './recorded/recorded.ts';
import { runScenarios, type Send, sendThroughMesh } from './run_scenarios.ts';
import { showIssued, showTrail } from './show_records.ts';
import { heading, type Shown, say, step } from './transcript.ts';

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
async function startDecisionPoints(plane: LocalDemoControlPlane, places: Places, withoutEnvoy: boolean): Promise<Send> {
  const envoy = withoutEnvoy ? { reason: '--without-envoy' } : await obtainTool('envoy', 'Envoy');
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
  const mesh = await startMesh(programs, places, localDecisionPoints(places, plane.local.authorizeUrl), cleanup);
  step(`mesh            Envoy of payments :${mesh.paymentsPort}, of the storefront :${mesh.storefrontPort}`);
  return sendThroughMesh(mesh, reports);
}

/** As one would type it. */
function relativeHere(path: string): string {
  const here = relative('', path);
  return here.startsWith('..') ? path : here;
}

function showRelease({ number, isNew, replaced }: InForce): void {
  step(`policies        release ${number} ${isNew ? 'published' : 'as the start before left it'}`);
  if (replaced !== undefined) step(`                (for yours again: npx postern policy rollback ${replaced})`);
}

function showWhatNext(
  { local }: LocalDemoControlPlane,
  { dir, portBase }: DemoArguments,
  shown: readonly Shown[],
): void {
  const denied = shown.find(({ scenario }) => scenario.expect.outcome === 'deny')?.decisionId;
  say('\nEverything stays up. In another terminal:');
  if (portBase !== DEFAULT_PORT_BASE) step(`export POSTERN_URL=${local.url}`);
  if (dir !== DEFAULT_DIR) step(`export POSTERN_ADMIN_TOKEN_FILE=${local.administratorTokenFile}`);
  step('npx postern entry list');
  step('npx postern audit list --kind decision --outcome deny');
  if (denied !== undefined) step(`npx postern audit show ${denied}`);
  say('Ctrl-C ends it.');
}
