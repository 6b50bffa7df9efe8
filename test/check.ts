/**
 * `npm run check [-- --json]`: types, lint and format, and the layer rules, side by side, in seconds. Exit code 1 when
 * one of them fails.
 */
import { type CheckReport, runChecks } from './checks.ts';
import { readCommandLine } from './kit/command_line.ts';

const { values } = readCommandLine({
  name: 'npm run check',
  options: { json: { type: 'boolean', default: false } },
  usage: `npm run check [-- --json]

Types, lint and format, and the layer rules, side by side, in seconds.
\`npm run format\` mends what can be mended by itself.

  --json  one JSON document, with what each of them printed
  --help  this text

Examples:
  npm run check
  npm run --silent check -- --json | jq '.[] | select(.isPassed == false) | .output'

Exit codes: 0 when all pass, 1 otherwise, 2 for a mistake in the command line.
`,
});
const reports = await runChecks((report) => {
  if (!values.json) process.stdout.write(renderReport(report));
});
if (values.json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
process.exitCode = reports.every((report) => report.isPassed) ? 0 : 1;

function renderReport(report: CheckReport): string {
  const head = `${report.isPassed ? 'pass' : 'FAIL'}  ${report.name}  ${(report.tookMs / 1000).toFixed(1)} s\n`;
  return report.isPassed ? head : `${report.output.trimEnd()}\n${head}`;
}
