/** From a file to the first decision in a fresh process, and what 10,000 policies weigh. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { formatRelease } from '@postern/policy-engine';
import { alternate } from '../measure/alternate.ts';
import { type Measurement, measurementOf } from '../measure/measurement.ts';
import { CEDAR_WASM } from './cedar_wasm.ts';
import type { FirstDecisionFile } from './first_decision_file.ts';
import type { ReleasedWorld } from './release.ts';
import { createRequests } from './requests.ts';

const PROGRAM = join(import.meta.dirname, 'first_decision.ts');
const run = promisify(execFile);

type Mode = 'ours' | 'cedar-wasm' | 'memory';

/** In ms. Both programs find their modules in Node's compile cache: as close to a bundle as the sources come. */
export function measureFirstDecision(
  world: ReleasedWorld,
  rounds: number,
): Promise<Record<'ours' | 'cedar-wasm', Measurement>> {
  return withFolder(world, 1, (start) => {
    const runMs = async (mode: Mode) => (await start(mode)) / 1000;
    return alternate(
      [
        { name: 'ours', run: () => runMs('ours') },
        { name: CEDAR_WASM, run: () => runMs(CEDAR_WASM) },
      ],
      rounds,
    );
  });
}

/** MiB of heap and buffers with the release loaded and every policy used; Node's own few MiB included. */
export function measureMemory(world: ReleasedWorld): Promise<Measurement> {
  return withFolder(world, world.permits.length, async (start) => measurementOf([await start('memory')]));
}

async function withFolder<T>(
  world: ReleasedWorld,
  requests: number,
  use: (start: (mode: Mode) => Promise<number>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  try {
    const releaseFile = join(folder, 'release.json');
    await writeFile(releaseFile, formatRelease(world.release));
    const inputFile = join(folder, 'input.json');
    const input: FirstDecisionFile = {
      policies: world.policies,
      requests: createRequests(world, requests),
      releaseFile,
    };
    await writeFile(inputFile, JSON.stringify(input));
    const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compile-cache') };
    return await use(async (mode) =>
      Number((await run(process.execPath, ['--expose-gc', PROGRAM, mode, inputFile], { env })).stdout),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}
