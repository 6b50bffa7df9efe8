import { createManualClock } from '@postern/store/testing';
import { expect, test } from 'vitest';
import { createWantedBundles, WANTED_AGAIN_MS } from './wanted_bundles.ts';

const start = () => {
  const clock = createManualClock();
  return { clock, wanted: createWantedBundles({ ownTrustDomain: 'demo.test', clock }) };
};

test('a flood of unknown keys tells of their trust domain once a minute', () => {
  const { clock, wanted } = start();
  const told: number[] = [];
  for (let second = 0; second < 180; second++) {
    for (let each = 0; each < 10; each++) wanted.note('other.test');
    for (let next = wanted.next(); next !== undefined; next = wanted.next()) {
      told.push(second);
      wanted.told(next);
    }
    clock.advanceMs(1000);
  }
  expect(told).toEqual([0, 60, 120]);
});

test('what could not be told stays to be told, each domain once', () => {
  const { clock, wanted } = start();
  for (const name of ['a.test', 'b.test', 'a.test']) wanted.note(name);
  expect([wanted.next(), wanted.next()]).toEqual(['a.test', 'a.test']);
  clock.advanceMs(WANTED_AGAIN_MS);
  wanted.note('a.test');
  wanted.told('a.test');
  expect(wanted.next()).toBe('b.test');
  wanted.told('b.test');
  expect(wanted.next()).toBeUndefined();
});

test('the own trust domain is never told of, and memory has a bound', () => {
  const { wanted } = start();
  wanted.note('demo.test');
  expect(wanted.next()).toBeUndefined();
  for (let each = 0; each < 3000; each++) wanted.note(`d${each}.test`);
  let count = 0;
  for (let next = wanted.next(); next !== undefined; next = wanted.next()) {
    count++;
    wanted.told(next);
  }
  expect(count).toBe(1000);
});
