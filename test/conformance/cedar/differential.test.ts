import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answersOfCedar, answersOfEngine } from './compare.ts';
import { cases } from './generate_case.ts';

const isLong = process.env['POSTERN_LONG'] === '1';
const seed = Number(process.env['POSTERN_SEED'] ?? Date.now() % 2 ** 31);

test('decides every generated case as cedar-wasm does, with the same reasons and the same errors', () => {
  console.log(`differential seed ${seed} (POSTERN_SEED repeats it)`);
  fc.assert(
    fc.property(cases, (generated) => {
      expect(answersOfEngine(generated)).toEqual(answersOfCedar(generated));
    }),
    {
      seed,
      numRuns: isLong ? 50_000 : 10_000,
      interruptAfterTimeLimit: isLong ? 1_200_000 : 6_000,
      markInterruptAsFailure: false,
    },
  );
}, 1_500_000);
