import { createMemoryTable } from '@postern/store/embedded';
import { expect, test } from 'vitest';
import { createReplayGuard } from './replay_guard.ts';

function setUp() {
  let nowMs = Date.parse('2026-11-24T10:00:00Z');
  const clock = { nowMs: () => nowMs };
  const table = createMemoryTable({ clock });
  let writes = 0;
  const counted: Parameters<typeof createReplayGuard>[0] = {
    put(item, condition) {
      writes++;
      return table.put(item, condition);
    },
  };
  const { consume } = createReplayGuard(counted, clock);
  return { consume, clock, writes: () => writes, wait: (ms: number) => (nowMs += ms) };
}

test('an id is used once, however many race for it', async () => {
  const { consume, clock } = setUp();
  const expiresAtMs = clock.nowMs() + 60_000;
  const results = await Promise.all(Array.from({ length: 20 }, () => consume('id', expiresAtMs)));
  expect(results.filter(Boolean)).toHaveLength(1);
  expect(await consume('other', expiresAtMs)).toBe(true);
});

test('an id is remembered to the last moment its proof counts', async () => {
  const { consume, clock, wait } = setUp();
  const expiresAtMs = clock.nowMs() + 60_000;
  expect(await consume('id', expiresAtMs)).toBe(true);
  wait(59_999);
  expect(await consume('id', expiresAtMs)).toBe(false);
  wait(1);
  expect(await consume('id', expiresAtMs)).toBe(false);
});

test('each proof costs one conditional write', async () => {
  const { consume, clock, writes } = setUp();
  await consume('id', clock.nowMs() + 1000);
  await consume('id', clock.nowMs() + 1000);
  expect(writes()).toBe(2);
});

test('a store that does not answer is no permission', async () => {
  const { consume } = createReplayGuard({ put: () => Promise.reject(new Error('down')) }, { nowMs: () => 0 });
  await expect(consume('id', 1000)).rejects.toThrow('down');
});
