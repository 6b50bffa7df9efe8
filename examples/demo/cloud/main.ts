/** `npm run deploy:local`: the main job in the cloud shape, with a transcript. See `arguments.ts` for its options. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsEnvironment } from '../../../test/kit/cloud/aws_environment.ts';
import { UsageError } from '../../../test/kit/command_line.ts';
import { Cleanup } from '../cleanup.ts';
import { obtainTool } from '../obtain_tool.ts';
import { type Places, placesOf } from '../places.ts';
import { runScenarios } from '../run_scenarios.ts';
import { showIssued, showTrail } from '../show_records.ts';
import { heading, say, sayTo, showCheck, step } from '../transcript.ts';
import { CLOUD_USAGE, type CloudArguments, parseCloudArguments } from './arguments.ts';
import { runChecks } from './checks.ts';
import { explainingFaults } from './function_faults.ts';
import { type CloudReport, createReport, type Running } from './report.ts';
import { type CloudDemo, startCloudDemo } from './start.ts';

const cleanup = new Cleanup();
let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isEnding = true;
    say('\nending');
    // Who ends it before the outcomes are known has not seen them.
    void cleanup.end().then(() => process.exit(process.exitCode ?? 1));
  });
}

try {
  const args = parseCloudArguments(process.argv.slice(2));
  if (args === 'help') say(CLOUD_USAGE);
  else {
    if (args.json) sayTo(process.stderr);
    process.exitCode = await run(args);
  }
} catch (fault) {
  // Whoever ended it in the middle knows why calls fail.
  if (!isEnding) await fail(fault as Error);
}

async function fail(fault: Error): Promise<never> {
  const isUsage = fault instanceof UsageError;
  const advice = isUsage ? 'npm run deploy:local -- --help' : 'npm run tools says what this machine lacks';
  process.stderr.write(`\nerror: ${fault.message}\ntry: ${advice}\n`);
  await cleanup.end();
  process.exit(isUsage ? 2 : 1);
}

async function run({ keep, json }: CloudArguments): Promise<number> {
  const beganMs = Date.now();
  const tookMs = () => Date.now() - beganMs;
  heading('Postern deployed by the CDK, to a stand-in for AWS on this machine');
  const envoy = await need('envoy', 'Envoy');
  await need('ministack', 'MiniStack');
  const places = createPlaces();
  const onStep = (text: string) => step(`${(tookMs() / 1000).toFixed(1).padStart(5)} s  ${text}`);
  const demo = await startCloudDemo(places, envoy, cleanup, { onStep });
  await showIssued(demo.plane, beganMs);

  heading('Decisions: payments by the deployed `authorize`, the storefront by the agent');
  const shown = await explainingFaults(demo.plane, () => runScenarios(demo.plane, demo.send));
  await showTrail(demo.plane, shown);
  heading('The deployment');
  const checks = await runChecks(demo, shown, showCheck);

  const running = keep ? describeRunning(demo, places) : undefined;
  const report = createReport(shown, checks, { tookMs: tookMs(), ...(running !== undefined && { running }) });
  heading(verdictOf(report));
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (running === undefined) await cleanup.end();
  else showWhatNext(running);
  return report.ok ? 0 : 1;
}

async function need(name: 'envoy' | 'ministack', shown: string): Promise<string> {
  const tool = await obtainTool(name, shown);
  if ('path' in tool) return tool.path;
  throw new Error(`${shown} is not to be had: ${tool.reason}`);
}

/** Nothing outlives the run: the stand-in keeps its state in memory. */
function createPlaces(): Places {
  const dir = mkdtempSync(join(tmpdir(), 'postern-cloud-'));
  cleanup.add('files', async () => rmSync(dir, { recursive: true, force: true }));
  return { ...placesOf(dir, 0), providerPort: 0 };
}

function describeRunning({ plane, mesh }: CloudDemo, places: Places): Running {
  const administratorFile = join(places.dir, 'administrator.env');
  const variables = { ...awsEnvironment(plane.administrator), POSTERN_DEPLOYMENT: plane.outputsFile };
  const lines = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [`export ${name}='${value}'\n`],
  );
  writeFileSync(administratorFile, lines.join(''), { mode: 0o600 });
  return {
    endpoint: plane.root.endpoint,
    publicUrl: plane.url,
    outputsFile: plane.outputsFile,
    administratorFile,
    workloadApiSocket: places.workloadApiSocket,
    paymentsPort: mesh.paymentsPort,
  };
}

function verdictOf({ ok, decisions, checks, tookMs }: CloudReport): string {
  const wrong = decisions.filter(({ isAsDeclared }) => !isAsDeclared).length;
  const failed = checks.filter((check) => !check.ok).length;
  return ok
    ? `All ${decisions.length} outcomes are as declared, all ${checks.length} checks hold (${Math.round(tookMs / 1000)} s).`
    : `${wrong} of ${decisions.length} outcomes are not as declared, ${failed} of ${checks.length} checks do not hold.`;
}

function showWhatNext({ administratorFile }: Running): void {
  say('\nEverything stays up. In another terminal, as the administrator:');
  step(`. ${administratorFile}`);
  step('npx postern status');
  step('npx postern entry list');
  step('npx postern audit list --kind decision --outcome deny');
  step('npx postern audit verify');
  say('Ctrl-C ends it, and with it everything that it kept.');
}
