import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { assertInTime } from './index.ts';

vi.spyOn(console, 'log').mockImplementation(() => {});

test('a property that does not hold fails, with its counter-example', () => {
  const isSmall = fc.property(fc.nat(), (number) => number < 10);
  expect(() => assertInTime('small', isSmall, { numRuns: 1000, atLeast: 1 })).toThrow(/Counterexample: \[10\]/);
});

test('runs that were too few do not vouch for anything', () => {
  const holds = fc.property(fc.nat(), () => true);
  expect(() => assertInTime('true', holds, { numRuns: 20, atLeast: 20 })).not.toThrow();
  expect(() => assertInTime('true', holds, { numRuns: 20, atLeast: 201 })).toThrow(
    /20 runs in time, at least 201 count/,
  );
});

test('the seed is printed', () => {
  assertInTime(
    'printed',
    fc.property(fc.nat(), () => true),
    { numRuns: 1, atLeast: 1 },
  );
  expect(console.log).toHaveBeenLastCalledWith(expect.stringMatching(/^printed seed \d+ \(POSTERN_SEED repeats it\)$/));
});
