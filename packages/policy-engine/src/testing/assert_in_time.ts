/** Properties that end in time on a loaded machine too, and still vouch for something. */
import fc from 'fast-check';

const isLong = process.env['POSTERN_LONG'] === '1';
const seed = Number(process.env['POSTERN_SEED'] ?? Date.now() % 2 ** 31);
/** Less than half of what a test may take. */
const LIMIT_MS = 8_000;
const LONG_LIMIT_MS = 1_200_000;

export interface Runs {
  /** `POSTERN_LONG=1` makes ten times as many. */
  readonly numRuns: number;
  /** Fewer than these within the time say nothing: the test fails. */
  readonly atLeast: number;
}

/** As `fc.assert`, with the seed printed. A machine that is busy makes fewer runs, down to `atLeast`. */
export function assertInTime<T>(name: string, property: fc.IProperty<T>, { numRuns, atLeast }: Runs): void {
  console.log(`${name} seed ${seed} (POSTERN_SEED repeats it)`);
  const details = fc.check(property, {
    seed,
    numRuns: isLong ? numRuns * 10 : numRuns,
    interruptAfterTimeLimit: isLong ? LONG_LIMIT_MS : LIMIT_MS,
    markInterruptAsFailure: false,
  });
  if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
  if (details.numRuns < atLeast) throw new Error(`${name}: ${details.numRuns} runs in time, at least ${atLeast} count`);
}
