import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RecordBody } from './record.ts';
import { createRefusalLedger, REFUSAL_WINDOW_MS } from './refusal_ledger.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function createWorld() {
  const kept: RecordBody[] = [];
  const faults: unknown[] = [];
  const append = async (body: RecordBody) => void kept.push(body);
  return { kept, faults, ledger: createRefusalLedger({ append, onFault: (fault) => void faults.push(fault) }) };
}
const refusal = (reason: string, caller?: string) => ({ door: 'issue', reason, caller });

test('a hundred thousand refusals of one kind are two records', async () => {
  const { kept, ledger } = createWorld();
  for (let call = 0; call < 100_000; call++) ledger.record(refusal('a'));
  await vi.advanceTimersByTimeAsync(REFUSAL_WINDOW_MS);
  expect(kept).toMatchObject([{ count: 1 }, { count: 99_999 }]);
});

test('a caller who is somebody else each time fills neither the trail nor the memory', async () => {
  const { kept, ledger } = createWorld();
  for (let call = 0; call < 20_000; call++) ledger.record(refusal('a', `caller-${call}`));
  await vi.advanceTimersByTimeAsync(REFUSAL_WINDOW_MS);
  expect(kept.length).toBeLessThanOrEqual(1001);
  expect(kept.at(-1)).toMatchObject({ reason: 'refusals-of-many-kinds', count: 19_000 });
});

test('whoever writes the first of a kind itself is told so once a window', async () => {
  const { kept, ledger } = createWorld();
  expect([1, 2, 3].map(() => ledger.countRepeat(refusal('a')))).toEqual([false, true, true]);
  await vi.advanceTimersByTimeAsync(REFUSAL_WINDOW_MS);
  expect(kept).toMatchObject([{ reason: 'a', count: 2 }]);
  expect(ledger.countRepeat(refusal('a'))).toBe(false);
});

test('a trail that takes nothing is told to the operator and stops nobody', async () => {
  const faults: unknown[] = [];
  const append = () => Promise.reject(new Error('away'));
  const ledger = createRefusalLedger({ append, onFault: (fault) => void faults.push(fault) });
  ledger.record(refusal('a'));
  ledger.record(refusal('a'));
  await ledger.flush();
  expect(faults).toHaveLength(2);
});

test('an instance that is about to be frozen can wait for what it began to write', async () => {
  let taken: (() => void) | undefined;
  const kept: RecordBody[] = [];
  const append = (body: RecordBody) =>
    new Promise<void>((resolve) => {
      taken = () => resolve(void kept.push(body));
    });
  const ledger = createRefusalLedger({ append, onFault: () => {} });
  ledger.record(refusal('a'));
  let isSettled = false;
  const settling = ledger.settle().then(() => {
    isSettled = true;
  });
  await vi.advanceTimersByTimeAsync(1);
  expect(isSettled).toBe(false);
  taken?.();
  await settling;
  expect(kept).toHaveLength(1);
});
