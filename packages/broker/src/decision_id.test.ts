import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createDecisionIds } from './decision_id.ts';

const nowMs = Date.parse('2026-11-24T10:00:00Z');

test('an id is a UUIDv7 of its time', () => {
  const id = createDecisionIds(randomBytes)(nowMs);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.replace(/-/g, '').slice(0, 12), 16)).toBe(nowMs);
});

test('no two decisions of one instant share an id, also where the pool of randomness is drawn anew', () => {
  const nextId = createDecisionIds(randomBytes);
  expect(new Set(Array.from({ length: 1000 }, () => nextId(nowMs))).size).toBe(1000);
});

test('a hundred decisions draw randomness once', () => {
  let draws = 0;
  const nextId = createDecisionIds((length) => {
    draws++;
    return randomBytes(length);
  });
  for (let count = 0; count < 100; count++) nextId(nowMs);
  expect(draws).toBe(1);
});
