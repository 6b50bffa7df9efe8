/** In processes of their own: the flags are the process's. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { OPTIMIZE_AFTER_MS } from './plain_start.ts';

const run = promisify(execFile);

/** Calls a function until V8 would optimize it, now and after the time has passed; prints whether it did. */
const PROGRAM = `
  const { beginWithoutOptimizing } = await import(${JSON.stringify(new URL('./plain_start.ts', import.meta.url).href)});
  beginWithoutOptimizing();
  const isOptimized = (name) => {
    const hot = new Function('n', 'let sum = 0; for (let i = 0; i < n; i++) sum += i % 7; return sum; // ' + name);
    const untilMs = performance.now() + 300;
    while (performance.now() < untilMs) hot(1000);
    return (%GetOptimizationStatus(hot) & (1 << 4 | 1 << 5)) !== 0;
  };
  const atFirst = isOptimized('first');
  await new Promise((resolve) => setTimeout(resolve, ${OPTIMIZE_AFTER_MS}));
  console.log(JSON.stringify([atFirst, isOptimized('later')]));
`;

async function optimized(...options: string[]): Promise<unknown> {
  const args = [...options, '--allow-natives-syntax', '--input-type=module', '--eval', PROGRAM];
  return JSON.parse((await run(process.execPath, args)).stdout);
}

test('nothing is optimized while a process begins, and what is hot is afterwards', async () => {
  expect(await optimized()).toEqual([false, true]);
});

test('who chose by an option how code is compiled has it so', async () => {
  expect(await optimized('--no-maglev')).toEqual([true, true]);
  expect(await optimized('--no-opt', '--no-maglev')).toEqual([false, false]);
});
