import { expect, test } from 'vitest';
import { connectionBounds, createUserConnections } from './connection_bounds.ts';

test('a user who takes every connection leaves the others theirs', () => {
  const told: number[] = [];
  const users = createUserConnections(4, (uid) => void told.push(uid));
  expect(Array.from({ length: 10 }, () => users.admit(1000)).filter(Boolean)).toHaveLength(4);
  expect(users.admit(0)).toBe(true);
  expect(told, 'said once, not at every try').toEqual([1000]);
  for (let closed = 0; closed < 3; closed++) users.release(1000);
  expect(Array.from({ length: 10 }, () => users.admit(1000)).filter(Boolean)).toHaveLength(3);
  expect(told).toEqual([1000, 1000]);
});

test('three full sockets leave a quarter of the descriptors for files, whatever the limit is', () => {
  for (const descriptors of [1024, 4096, 20_000, 524_288, Number.MAX_SAFE_INTEGER]) {
    const { total, perUser } = connectionBounds(descriptors);
    expect(3 * 2 * total).toBeLessThanOrEqual(0.75 * descriptors);
    expect(perUser).toBeLessThanOrEqual(total / 2);
    expect(perUser).toBeGreaterThanOrEqual(64);
  }
});
