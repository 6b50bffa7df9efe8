import { readFile } from 'node:fs/promises';

/** How many tests ended how. */
export type Tally = { passed: number; failed: number; skipped: number };

/** The parts of Vitest's JSON report that are counted. */
type VitestReport = {
  testResults: { status: string; assertionResults: { status: string }[] }[];
};

export function addTallies(tallies: readonly Tally[]): Tally {
  const sum = (member: keyof Tally) => tallies.reduce((total, tally) => total + tally[member], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/** Counts a report; one that is missing or cut off is one failure, for a run without a report proves nothing. */
export async function loadVitestTally(reportFile: string, onFault: (message: string) => void): Promise<Tally> {
  try {
    return tallyOf(JSON.parse(await readFile(reportFile, 'utf8')) as VitestReport);
  } catch (fault) {
    onFault(`no readable test report: ${fault instanceof Error ? fault.message : String(fault)}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** A test file that failed without a failed test did not load: that counts as one failure. */
export function tallyOf(report: VitestReport): Tally {
  return addTallies(
    report.testResults.map(({ status, assertionResults }) => {
      const count = (wanted: (status: string) => boolean) => assertionResults.filter((r) => wanted(r.status)).length;
      const passed = count((s) => s === 'passed');
      const failed = count((s) => s === 'failed');
      const skipped = assertionResults.length - passed - failed;
      return { passed, failed: failed === 0 && status === 'failed' ? 1 : failed, skipped };
    }),
  );
}
