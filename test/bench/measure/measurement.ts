/** A quantity that was measured several times. The noise is kept with it: a median alone says nothing about its worth. */
export type Measurement = {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
};

/** `values`: at least one, all of the same unit. */
export function measurementOf(values: readonly number[]): Measurement {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const [min, max, upper] = [sorted[0], sorted.at(-1), sorted[middle]];
  if (min === undefined || max === undefined || upper === undefined) throw new Error('nothing was measured');
  const median = sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
  return { median, min, max, runs: sorted.length };
}

/** The quotient of two quantities, with the widest noise that both allow. */
export function ratioOf(numerator: Measurement, denominator: Measurement): Measurement {
  return {
    median: numerator.median / denominator.median,
    min: numerator.min / denominator.max,
    max: numerator.max / denominator.min,
    runs: Math.min(numerator.runs, denominator.runs),
  };
}
