/**
 * `npm run check [-- --json]`: types, lint and format, and the layer rules, side by side, in seconds. Exit code 1 when
 * one of them fails.
 */
import { parseArgs } from 'node:util';
import { type CheckReport, runChecks } from './checks.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const reports = await runChecks((report) => {
  if (!values.json) process.stdout.write(renderReport(report));
});
if (values.json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
process.exitCode = reports.every((report) => report.isPassed) ? 0 : 1;

function renderReport(report: CheckReport): string {
  const head = `${report.isPassed ? 'pass' : 'FAIL'}  ${report.name}  ${(report.tookMs / 1000).toFixed(1)} s\n`;
  return report.isPassed ? head : `${report.output.trimEnd()}\n${head}`;
}
