/** Every benchmark there is. A new one is a new row, with its own folder. */
import { benchAgent } from './agent/bench.ts';
import { benchCloud } from './cloud/bench.ts';
import { benchDecide } from './decide/bench.ts';
import { benchIssue } from './issue/bench.ts';
import type { BenchOutcome } from './report/figure.ts';

export type BenchOptions = {
  /** A rough answer: all benchmarks together within 50 seconds. */
  readonly isQuick: boolean;
  /** Says what happens, one line at a time. */
  readonly say: (line: string) => void;
};

export type Bench = {
  readonly name: string;
  readonly title: string;
  readonly run: (options: BenchOptions) => Promise<BenchOutcome>;
};

export const benches: readonly Bench[] = [
  { name: 'decide', title: 'decide: a decision in process', run: benchDecide },
  { name: 'issue', title: 'issue: an SVID issued', run: benchIssue },
  { name: 'agent', title: 'agent: a decision through Envoy', run: benchAgent },
  { name: 'cloud', title: 'cloud: a function started', run: benchCloud },
];
