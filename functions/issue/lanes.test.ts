import { expect, test } from 'vitest';
import { inLanes } from './lanes.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('so many are worked on at a time, and the answers are in order', async () => {
  let [running, most] = [0, 0];
  const results = await inLanes([5, 1, 4, 2, 3, 0, 6], 3, async (item) => {
    running += 1;
    most = Math.max(most, running);
    for (let each = 0; each < item; each++) await turn();
    running -= 1;
    return item * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30, 0, 60]);
  expect(most).toBe(3);
  expect(await inLanes([], 3, async () => 1)).toEqual([]);
});

test('what fails is thrown when nothing is under way any more, and nothing is begun after it', async () => {
  const [begun, ended]: [number[], number[]] = [[], []];
  const working = inLanes([0, 1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item);
    if (item === 0) throw new Error('first');
    for (let each = 0; each < 5; each++) await turn();
    ended.push(item);
  });
  await expect(working).rejects.toThrow('first');
  expect([begun, ended]).toEqual([[0, 1], [1]]);
});
