import { join } from 'node:path';
import { repositoryFolder } from './tools/places.ts';
import { runCommand } from './tools/run_command.ts';

export type CheckReport = { name: string; isPassed: boolean; tookMs: number; output: string };

type Check = { name: string; command: string; args: readonly string[] };

const bin = (name: string) => join(repositoryFolder, 'node_modules', '.bin', name);

/** What must hold before any test is worth running. A new check is a new row. */
const checks: readonly Check[] = [
  { name: 'types', command: bin('tsc'), args: ['--noEmit', '--pretty', 'false', '-p', 'tsconfig.json'] },
  { name: 'lint and format', command: bin('biome'), args: ['ci', '--colors=off', '.'] },
  { name: 'layers', command: process.execPath, args: [join(import.meta.dirname, 'layers', 'main.ts')] },
];

/** Runs all checks side by side; `onDone` hears of each as it ends, the answer is in the table's order. */
export function runChecks(onDone: (report: CheckReport) => void): Promise<CheckReport[]> {
  return Promise.all(
    checks.map(async ({ name, command, args }) => {
      const startedMs = performance.now();
      const { code, output } = await runCommand(command, [...args]);
      const report = { name, isPassed: code === 0, tookMs: Math.round(performance.now() - startedMs), output };
      onDone(report);
      return report;
    }),
  );
}
