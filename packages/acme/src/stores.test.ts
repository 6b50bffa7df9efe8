import { createSoftwareMac } from '@postern/keys';
import type { Item, Key } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AcmeAccount, createAcmeAccountStore } from './account_store.ts';
import { createAcmeCertificateStore } from './certificate_store.ts';
import { createAcmeKeyStore, isUser } from './key_store.ts';
import type { AcmeOrder } from './order.ts';
import { createAcmeOrderStore } from './order_store.ts';
import { createRates } from './rates.ts';

const mac = createSoftwareMac('acme', new Uint8Array(32).fill(7));
const clock = createManualClock();
let table: ReturnType<typeof createMemoryTable>;
let forged: Key[];
let ids = 0;
const id = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
const ports = () => ({
  ...{ table, mac, clock },
  createId: () => {
    ids += 1;
    return id(ids);
  },
  onForged: (key: Key) => void forged.push(key),
});
beforeEach(() => {
  table = createMemoryTable({ clock });
  forged = [];
});

/** Replaces what is stored in place, as somebody can who writes the table and has no key. */
async function tamper(key: Key, change: (item: Item) => Item): Promise<void> {
  const item = await table.get(key);
  if (item === undefined) throw new Error('nothing is there');
  await table.put(change(item));
}
const bodyWith = (text: string, other: string) => (item: Item) => ({
  ...item,
  attributes: { ...item.attributes, body: String(item.attributes['body']).replace(text, other) },
});

describe('a key of an administrator', () => {
  test('has a secret of 256 bits that is computed from its id, and stored nowhere', async () => {
    const keys = createAcmeKeyStore(ports());
    const { key, secret } = await keys.create('entry-1', 600);
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    expect(Buffer.from(await keys.secretOf(key.id)).toString('base64url')).toBe(secret);
    expect(JSON.stringify((await table.query({ pk: 'acme-key' })).items)).not.toContain(secret);
    expect((await keys.create('entry-1', 600)).secret).not.toBe(secret);
  });

  test('is used for one account key, by one of many; the same one again is no other use', async () => {
    const keys = createAcmeKeyStore(ports());
    const { key } = await keys.create('entry-1', 600);
    const used = await Promise.all(['a', 'b', 'c'].map((thumbprint) => keys.use(key.id, thumbprint)));
    expect(used.filter(({ ok }) => ok)).toHaveLength(1);
    const { usedBy = '' } = (await keys.get(key.id)) ?? {};
    expect(await keys.use(key.id, usedBy)).toMatchObject({ ok: true });
    expect(await keys.use(key.id, `${usedBy}x`)).toMatchObject({ reason: 'acme-key-used' });
    expect(isUser({ ...key, usedBy }, usedBy)).toBe(true);
    expect(isUser(key, '')).toBe(false);
  });

  test('makes no account once its time is over, and the one that it made lives on', async () => {
    const keys = createAcmeKeyStore(ports());
    const [{ key: unused }, { key: used }] = [await keys.create('e', 60), await keys.create('e', 60)];
    await keys.use(used.id, 'a');
    clock.advanceMs(60_000);
    expect(await keys.use(unused.id, 'a')).toMatchObject({ reason: 'acme-key-expired' });
    expect(await keys.use(used.id, 'a')).toMatchObject({ ok: true });
  });

  test('that made no account is gone a day after its time, and one that did stays', async () => {
    const keys = createAcmeKeyStore(ports());
    const [{ key: unused }, { key: used }] = [await keys.create('e', 60), await keys.create('e', 60)];
    await keys.use(used.id, 'a');
    clock.advanceMs(60_000 + 24 * 3_600_000 + 1000);
    expect((await keys.list()).map(({ id }) => id)).toEqual([used.id]);
    expect(await keys.get(unused.id)).toBeUndefined();
  });

  test('that is deleted is unknown, also when it is deleted twice', async () => {
    const keys = createAcmeKeyStore(ports());
    const { key } = await keys.create('e', 60);
    expect(await keys.delete(key.id)).toMatchObject({ ok: true });
    expect(await keys.use(key.id, 'a')).toMatchObject({ reason: 'acme-key-unknown' });
    expect(await keys.delete(key.id)).toMatchObject({ reason: 'acme-key-unknown' });
  });

  test('that somebody moved to another entry is none, and is reported', async () => {
    const keys = createAcmeKeyStore(ports());
    const { key } = await keys.create('entry-1', 60);
    const place = { pk: 'acme-key', sk: key.id };
    await tamper(place, bodyWith('entry-1', 'entry-2'));
    expect(await keys.get(key.id)).toBeUndefined();
    expect(await keys.list()).toEqual([]);
    expect(forged).toContainEqual(place);
  });

  test('under another id is none: the MAC is over its place too', async () => {
    const keys = createAcmeKeyStore(ports());
    const { key } = await keys.create('entry-1', 60);
    const item = (await table.get({ pk: 'acme-key', sk: key.id })) as Item;
    await table.put({ ...item, sk: id(999) });
    expect(await keys.get(id(999))).toBeUndefined();
  });

  test.each([0, -1, 30 * 86_400 + 1, Number.NaN])('is not usable for %s seconds', async (ttlSeconds) => {
    await expect(createAcmeKeyStore(ports()).create('e', ttlSeconds)).rejects.toThrow(RangeError);
  });
});

const account = (number: number, thumbprint: string): AcmeAccount => ({
  ...{ id: id(number), status: 'valid', jwk: {}, thumbprint, contact: [], binding: { eab: 'x', keyChanges: [] } },
  ...{ keyId: 'k', entryId: 'e', createdAtMs: 0 },
});

describe('an account', () => {
  test('is one for each key, also when the key was another’s before', async () => {
    const accounts = createAcmeAccountStore(ports());
    const first = account(1, 'a');
    expect(await accounts.create(first)).toMatchObject({ ok: true });
    expect(await accounts.create(account(2, 'a'))).toMatchObject({ reason: 'account-key-taken' });
    expect(await accounts.replace(first, { ...first, thumbprint: 'b' })).toMatchObject({ ok: true });
    expect(await accounts.create(account(2, 'a'))).toMatchObject({ reason: 'account-key-taken' });
    expect(await accounts.find('a')).toBeUndefined();
    expect((await accounts.find('b'))?.id).toBe(first.id);
  });

  test('is changed by one of two at once', async () => {
    const accounts = createAcmeAccountStore(ports());
    const first = account(1, 'a');
    await accounts.create(first);
    const both = await Promise.all(['b', 'c'].map((thumbprint) => accounts.replace(first, { ...first, thumbprint })));
    expect(both.map(({ ok }) => ok).sort()).toEqual([false, true]);
    expect(both.find(({ ok }) => !ok)).toMatchObject({ reason: 'account-changed' });
  });

  test('that somebody made active again in the table is none', async () => {
    const accounts = createAcmeAccountStore(ports());
    await accounts.create({ ...account(1, 'a'), status: 'deactivated' });
    await tamper({ pk: 'acme-account', sk: id(1) }, bodyWith('deactivated', 'valid'));
    expect(await accounts.get(id(1))).toBeUndefined();
    expect(await accounts.find('a')).toBeUndefined();
  });

  test.each(['', '..', 'x'.repeat(36), `${id(1)} `])('is not looked for by %j', async (text) => {
    const accounts = createAcmeAccountStore({ ...ports(), table: undefined as never });
    expect(await accounts.get(text)).toBeUndefined();
  });
});

const order = (accountId: string, number: number): AcmeOrder => ({
  ...{ id: id(number), accountId, names: ['a.test'], createdAtMs: clock.nowMs(), expiresAtMs: clock.nowMs() + 1000 },
  authorizations: [{ name: 'a.test', token: 't', status: 'pending' }],
});

describe('an order', () => {
  test('is its account’s, and to another not there', async () => {
    const orders = createAcmeOrderStore(ports());
    await orders.create(order('A', 1));
    expect(await orders.get('A', id(1))).toMatchObject({ accountId: 'A' });
    expect(await orders.get('B', id(1))).toBeUndefined();
    expect(await orders.change('B', id(1), (it) => it)).toMatchObject({ reason: 'order-unknown' });
    expect(await orders.list('B', 10)).toEqual([]);
  });

  test('whose name somebody shows in the table is none', async () => {
    const orders = createAcmeOrderStore(ports());
    await orders.create(order('A', 1));
    await tamper({ pk: 'acme-order#A', sk: id(1) }, bodyWith('"pending"', '"valid"'));
    expect(await orders.get('A', id(1))).toBeUndefined();
    expect(forged).toHaveLength(1);
  });

  test('copied below another account is none there', async () => {
    const orders = createAcmeOrderStore(ports());
    await orders.create(order('A', 1));
    const item = (await table.get({ pk: 'acme-order#A', sk: id(1) })) as Item;
    await table.put({ ...item, pk: 'acme-order#B' });
    expect(await orders.get('B', id(1))).toBeUndefined();
  });

  test('loses no change of two at once', async () => {
    const orders = createAcmeOrderStore(ports());
    await orders.create(order('A', 1));
    const add = (name: string) => orders.change('A', id(1), (it) => ({ ...it, names: [...it.names, name] }));
    await Promise.all(['b', 'c', 'd'].map(add));
    expect([...((await orders.get('A', id(1)))?.names ?? [])].sort()).toEqual(['a.test', 'b', 'c', 'd']);
  });

  test('replaces a certificate alone, and hands that over once', async () => {
    const orders = createAcmeOrderStore(ports());
    const claimed = await Promise.all(['1', '2', '3'].map((it) => orders.claimReplacement('A', 'c', it)));
    expect(new Set(claimed).size).toBe(1);
    const [first = ''] = claimed;
    expect(await orders.takeReplacement('A', 'c', first, 'next')).toBe(true);
    expect(await orders.takeReplacement('A', 'c', first, 'other')).toBe(false);
    expect(await orders.claimReplacement('B', 'c', 'mine')).toBe('mine');
  });
});

test('a certificate that somebody gave to another account is none', async () => {
  const certificates = createAcmeCertificateStore(ports());
  const certificate = {
    ...{ serial: '4001', digest: 'd', issuerKeyId: 'i', keyId: 'owner', entryId: 'e', dnsNames: ['a.test'] },
    ...{ keyThumbprint: 't', notBeforeMs: clock.nowMs(), notAfterMs: clock.nowMs() + 1000 },
  };
  await certificates.put(certificate);
  expect(await certificates.get('4001')).toEqual(certificate);
  await tamper({ pk: 'acme-certificate', sk: '4001' }, bodyWith('owner', 'thief'));
  expect(await certificates.get('4001')).toBeUndefined();
  for (const serial of ['', 'g', '4'.repeat(41), '../x']) expect(await certificates.get(serial)).toBeUndefined();
});

test('what is asked for is counted up to the bound, each by itself, and anew each hour', async () => {
  const rates = createRates({ table, clock });
  clock.setMs(Math.ceil(clock.nowMs() / 3_600_000) * 3_600_000);
  for (let count = 0; count < 3; count++) expect(await rates.count('a', 3)).toBeUndefined();
  clock.advanceMs(60_000);
  expect(await rates.count('a', 3)).toBe(59 * 60);
  expect(await rates.count('b', 3)).toBeUndefined();
  clock.advanceMs(59 * 60_000);
  expect(await rates.count('a', 3)).toBeUndefined();
});
