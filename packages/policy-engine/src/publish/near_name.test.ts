import { expect, test } from 'vitest';
import { didYouMean, nearName } from './near_name.ts';

const NAMES = ['payments', 'payment-log', 'storefront', 'ab', 'x'];

const rows: [name: string, near: string | undefined][] = [
  ['payment', 'payments'],
  ['paymnets', 'payments'],
  ['Payments', 'payments'],
  ['paymentss', 'payments'],
  ['pamyents', 'payments'],
  ['paymnts', 'payments'],
  ['paiments2', 'payments'],
  ['paiment', 'payments'],
  ['peimentos', undefined],
  ['payment-lag', 'payment-log'],
  ['frontstore', undefined],
  ['ba', 'ab'],
  ['cd', undefined],
  ['ac', 'ab'],
  ['y', undefined],
  ['', undefined],
];
test.each(rows)('who writes `%s` means %s', (name, near) => {
  expect(nearName(name, NAMES)).toBe(near);
});

test('the nearest is named, of equally near ones the first', () => {
  expect(nearName('abcde', ['abxye', 'abcd', 'abcdef'])).toBe('abcd');
  expect(didYouMean('abcde', ['abcd'])).toBe('; did you mean `abcd`?');
  expect(didYouMean('zzzz', ['abcd'])).toBe('');
});

test('agrees with a count of all edits', () => {
  const letters = 'abc';
  const words = Array.from({ length: 243 }, (_, index) =>
    Array.from({ length: 5 }, (_, place) => letters[Math.floor(index / 3 ** place) % 3]).join(''),
  );
  for (const word of words.slice(0, 81)) {
    for (const other of words) {
      const expected = plainDistance(word, other) <= 2 ? other : undefined;
      expect(nearName(word, [other]), `${word} ${other}`).toBe(expected);
    }
  }
});

/** As the definition has it (optimal string alignment). */
function plainDistance(left: string, right: string): number {
  const table = Array.from({ length: left.length + 1 }, (_, row) =>
    Array.from({ length: right.length + 1 }, (_, column) => (row === 0 ? column : column === 0 ? row : 0)),
  );
  const at = (row: number, column: number) => table[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= left.length; row++) {
    for (let column = 1; column <= right.length; column++) {
      const cost = left[row - 1] === right[column - 1] ? 0 : 1;
      const options = [at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + cost];
      if (left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1])
        options.push(at(row - 2, column - 2) + 1);
      (table[row] as number[])[column] = Math.min(...options);
    }
  }
  return at(left.length, right.length);
}
