import { expect, test } from 'vitest';
import { createAddressRule } from './address.ts';
import { resolveChecked } from './resolve_checked.ts';

const isPublic = createAddressRule([]);
const resolved = (addresses: readonly string[]) =>
  resolveChecked('a.test', { isAddressAllowed: isPublic, resolve: async () => addresses }, AbortSignal.timeout(1000));

test.each([
  ['one', ['1.1.1.1'], ['1.1.1.1']],
  ['two of one kind', ['1.1.1.1', '8.8.8.8', '9.9.9.9'], ['1.1.1.1', '8.8.8.8']],
  ['one of each kind, where the first may have no route', ['2600::1', '2600::2', '8.8.8.8'], ['2600::1', '8.8.8.8']],
  ['what is allowed alone', ['10.0.0.1', '::1', '8.8.8.8', '127.0.0.1'], ['8.8.8.8']],
])('of the addresses of a name are tried %s', async (_, addresses, expected) => {
  expect(await resolved(addresses)).toEqual({ ok: true, value: expected });
});

test('a name that means private addresses alone is refused with what it meant, in few words', async () => {
  expect(await resolved(['10.0.0.1', '10.0.0.2', '10.0.0.3'])).toEqual({
    ok: false,
    reason: 'address-refused',
    detail: '10.0.0.1 10.0.0.2',
  });
});

test('an address is its own name', async () => {
  const never = { isAddressAllowed: isPublic, resolve: () => Promise.reject(new Error('asked')) };
  expect(await resolveChecked('8.8.8.8', never, AbortSignal.timeout(1000))).toEqual({ ok: true, value: ['8.8.8.8'] });
  expect(await resolveChecked('127.0.0.1', never, AbortSignal.timeout(1000))).toMatchObject({
    reason: 'address-refused',
  });
});

test('nobody waits for a resolver beyond the time that there is', async () => {
  const rules = { isAddressAllowed: isPublic, resolve: () => new Promise<string[]>(() => {}) };
  expect(await resolveChecked('a.test', rules, AbortSignal.timeout(20))).toEqual({ ok: false, reason: 'timed-out' });
  expect(await resolveChecked('a.test', rules, AbortSignal.abort())).toEqual({ ok: false, reason: 'timed-out' });
});
