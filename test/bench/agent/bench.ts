import type { BenchOptions } from '../benches.ts';
import type { BenchOutcome } from '../report/figure.ts';
export async function benchAgent(_: BenchOptions): Promise<BenchOutcome> {
  return { figures: [], versions: [], notes: [] };
}
