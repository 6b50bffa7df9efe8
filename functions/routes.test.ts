/** What the front door lets through is what the function answers, and the other way round. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTES } from './routes.ts';
import { openSeparately, type Separate } from './testing/separate.ts';

let separate: Separate;
beforeAll(async () => {
  separate = await openSeparately();
});
afterAll(() => separate.remove());

const names = (Object.keys(ROUTES) as (keyof typeof ROUTES)[]).filter((name) => name !== 'authorize');

describe.each(names)('%s', (name) => {
  test('has no door that the front door does not know, and none there is missing here', () => {
    const routes = separate.apps[name].app.routes.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(routes)).toEqual(new Set(ROUTES[name]));
  });
});

test('no path is answered by two functions', () => {
  const all = Object.values(ROUTES).flat();
  expect(new Set(all).size).toBe(all.length);
});
