/** `npm run bench -- cloud`: what starting each deployed function costs, from the very bundles that are deployed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunctions } from '@postern/cdk/bundle/bundle_functions';
import type { BenchOptions } from '../benches.ts';
import { measurementOf } from '../measure/measurement.ts';
import type { BenchOutcome, Figure, Goal } from '../report/figure.ts';
import { EMPTY, measureLoads } from './load.ts';

/** On the path of requests: a caller waits for its start. */
const HOT = 'authorize';
const MAX_HOT_MS = 25;
const MAX_HOT_KIB = 250;

export async function benchCloud({ isQuick, say }: BenchOptions): Promise<BenchOutcome> {
  const rounds = isQuick ? 3 : 11;
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  try {
    say('bundles');
    const bundles = await bundleFunctions(undefined, { folder });
    say(`loading each in a fresh process, ${rounds} rounds`);
    const { [EMPTY]: empty, ...loads } = await measureLoads(bundles, folder, rounds);
    if (empty === undefined) throw new Error('nothing to compare with');
    const loadGoal: Goal = {
      text: `≤ empty + ${MAX_HOT_MS} ms`,
      limit: empty.median + MAX_HOT_MS,
    };
    const figures = bundles.flatMap(({ name, bytes }): Figure[] => [
      {
        name: `CPU to load ${name}`,
        unit: 'ms',
        ours: loads[name] ?? measurementOf([]),
        peers: { [EMPTY]: empty },
        goal: name === HOT ? loadGoal : undefined,
      },
      {
        name: `bundle of ${name}`,
        unit: 'KiB',
        ours: measurementOf([bytes / 1024]),
        peers: {},
        goal: name === HOT ? { text: `≤ ${MAX_HOT_KIB} KiB`, limit: MAX_HOT_KIB } : undefined,
      },
    ]);
    const notes = [
      'CPU of a fresh Node process from its own start until the bundle is loaded, without compile cache; what the function then fetches (keys, feed, its word from `rotate`) is not in it. All functions and the empty handler in turns.',
      '`authorize` speaks to AWS by a thin client of our own; the others load the AWS SDK. `publish` has Cedar’s parser, 4.4 MB of WebAssembly, beside its code.',
    ];
    return { figures, versions: [], notes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
