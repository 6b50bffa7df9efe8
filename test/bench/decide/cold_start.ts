/** From a file to the first decision in a fresh process, and what 10,000 policies weigh. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { formatRelease } from '@postern/policy-engine';
import { repositoryFolder } from '../../tools/places.ts';
import { alternate } from '../measure/alternate.ts';
import { type Measurement, measurementOf } from '../measure/measurement.ts';
import { bundleProgram } from './bundle_program.ts';
import { CEDAR_WASM, staticPolicies } from './cedar_wasm.ts';
import type { ReleasedWorld } from './release.ts';
import { createRequests } from './requests.ts';

const PROGRAM = join(import.meta.dirname, 'first_decision.ts');
const run = promisify(execFile);

/** In ms. */
export function measureFirstDecision(
  world: ReleasedWorld,
  rounds: number,
): Promise<Record<'ours' | 'cedar-wasm', Measurement>> {
  return withPrograms(async (start, save) => {
    const requests = await save('requests.json', JSON.stringify(createRequests(world, 1)));
    const release = await save('release.json', formatRelease(world.release));
    const policies = await save('policies.json', JSON.stringify(staticPolicies(world.policies)));
    const runMs = async (...args: string[]) => Number(await start(...args)) / 1000;
    return alternate(
      [
        { name: 'ours', run: () => runMs('ours', release, requests) },
        { name: CEDAR_WASM, run: () => runMs(CEDAR_WASM, policies, requests) },
      ],
      rounds,
    );
  });
}

/** MiB of heap and buffers with the release loaded and every policy used; Node's own few MiB included. */
export function measureMemory(world: ReleasedWorld): Promise<Measurement> {
  return withPrograms(async (start, save) => {
    const requests = await save('requests.json', JSON.stringify(createRequests(world, world.permits.length)));
    const release = await save('release.json', formatRelease(world.release));
    return measurementOf([Number.parseFloat(await start('memory', release, requests))]);
  });
}

type Start = (...args: string[]) => Promise<string>;
type Save = (name: string, content: string | Uint8Array) => Promise<string>;

async function withPrograms<T>(use: (start: Start, save: Save) => Promise<T>): Promise<T> {
  const buildFolder = join(repositoryFolder, '.build');
  await mkdir(buildFolder, { recursive: true });
  const folder = await mkdtemp(join(buildFolder, 'bench-'));
  try {
    const program = await bundleProgram(PROGRAM, folder);
    return await use(
      async (...args) => (await run(process.execPath, ['--expose-gc', program, ...args])).stdout,
      async (name, content) => {
        await writeFile(join(folder, name), content);
        return join(folder, name);
      },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}
