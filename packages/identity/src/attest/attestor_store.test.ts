import { createSoftwareMac } from '@postern/keys';
import type { Key } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AttestorInput } from './attestor_instance.ts';
import { type AttestorStore, createAttestorStore } from './attestor_store.ts';
import { createRenewalStore, type Renewal, type RenewalStore } from './renewal_store.ts';

const clock = createManualClock();
let table: ReturnType<typeof createMemoryTable>;
let forged: Key[];
let attestors: AttestorStore;
let renewals: RenewalStore;
beforeEach(() => {
  table = createMemoryTable({ clock });
  forged = [];
  const ports = {
    table,
    clock,
    mac: createSoftwareMac('test', new Uint8Array(32).fill(1)),
    onForged: (key: Key) => void forged.push(key),
  };
  attestors = createAttestorStore(ports);
  renewals = createRenewalStore(ports);
});

const input = (name: string): AttestorInput => ({
  name,
  kind: 'aws-iam',
  makes: 'workload',
  accounts: ['123456789012'],
});

describe('instances', () => {
  test('are found by name, listed in order, and are there once', async () => {
    expect(await attestors.create(input('b'))).toMatchObject({ ok: true });
    await attestors.create(input('a'));
    expect(await attestors.create(input('a'))).toMatchObject({ ok: false, reason: 'attestor-exists' });
    expect((await attestors.list()).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(await attestors.get('a')).toEqual({ ...input('a'), createdAtMs: clock.nowMs() });
    expect(await attestors.delete('a')).toMatchObject({ ok: true });
    expect(await attestors.delete('a')).toMatchObject({ ok: false, reason: 'attestor-unknown' });
  });

  test.each(['', '..', 'a/b', 'A', 'x'.repeat(64), 'a\0b', '__proto__'])(
    'are not asked of the store by %j',
    async (name) => {
      expect(await attestors.get(name)).toBeUndefined();
    },
  );

  test('that somebody wrote or moved who does not hold the key are passed over, and reported', async () => {
    await attestors.create(input('genuine'));
    const genuine = await table.get({ pk: 'attestor', sk: 'genuine' });
    if (genuine === undefined) throw new Error('not stored');
    await table.put({ ...genuine, sk: 'moved' });
    const body = String(genuine.attributes['body']).replace('123456789012', '210987654321');
    await table.put({ ...genuine, sk: 'changed', attributes: { ...genuine.attributes, body } });
    await table.put({ pk: 'attestor', sk: 'bare', attributes: { body } });
    for (const name of ['moved', 'changed', 'bare']) expect(await attestors.get(name)).toBeUndefined();
    expect((await attestors.list()).map(({ name }) => name)).toEqual(['genuine']);
    expect(new Set(forged.map(({ sk }) => sk))).toEqual(new Set(['moved', 'changed', 'bare']));
  });
});

describe('what was attested', () => {
  const renewal: Renewal = {
    serial: 'ab01',
    spiffeId: 'spiffe://demo.test/orders',
    entryId: 'entry-1',
    firstSerial: 'ab01',
    attestedAtMs: clock.nowMs(),
    notAfterMs: clock.nowMs() + 3_600_000,
    attestation: {
      attestor: 'functions',
      kind: 'aws-iam',
      selectors: ['aws:role:orders'],
      claims: new Map([['aws:role', 'orders']]),
      proofId: 'x',
      expiresAtMs: clock.nowMs() + 60_000,
    },
  };

  test('is kept by the serial of its SVID, and no longer than that lives', async () => {
    await renewals.put(renewal);
    expect(await renewals.get('ab01')).toEqual(renewal);
    clock.advanceMs(3_600_001);
    expect(await renewals.get('ab01')).toBeUndefined();
  });

  test('is nothing under another serial, or without its MAC', async () => {
    await renewals.put({ ...renewal, notAfterMs: clock.nowMs() + 3_600_000 });
    const genuine = await table.get({ pk: 'renewal', sk: 'ab01' });
    if (genuine === undefined) throw new Error('not stored');
    await table.put({ ...genuine, sk: 'ab02' });
    await table.put({ ...genuine, sk: 'ab03', attributes: { ...genuine.attributes, mac: new Uint8Array(32) } });
    expect(await renewals.get('ab02')).toBeUndefined();
    expect(await renewals.get('ab03')).toBeUndefined();
    expect(forged.map(({ sk }) => sk)).toEqual(['ab02', 'ab03']);
  });
});
