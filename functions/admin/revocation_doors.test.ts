/** Who may take what back, by which names, and that nobody gives back by another word what was taken back for good. */
import { type EntryAnswer, PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMINISTRATOR, AUDITOR, jsonOf, openSeparately, type Separate, TEAM } from '../testing/separate.ts';

let separate: Separate;
beforeAll(async () => {
  separate = await openSeparately();
  await separate.served.rotate.tick?.();
});
afterAll(() => separate.remove());

const DAY_MS = 24 * 3_600_000;
const KEY_ID = 'ab'.repeat(20);
const UNKNOWN_ENTRY = '01890000-0000-7000-8000-000000000000';

const revoke = (principal: string, subject: string, members: object = {}) =>
  separate.call('admin', {
    principal,
    method: 'POST',
    target: PATHS.admin.revocations,
    body: { subject, reason: 'test', ...members },
  });

async function enter(path: string): Promise<string> {
  const entry = {
    spiffeId: `spiffe://demo.test${path}`,
    parentId: 'spiffe://demo.test/postern/agent/node-1',
    selectors: ['unix:uid:1000'],
  };
  const call = { principal: ADMINISTRATOR, method: 'POST', target: PATHS.admin.entries, body: entry };
  return jsonOf<EntryAnswer>(await separate.call('admin', call)).id;
}

interface Listed {
  readonly subject: string;
  readonly expiresAtMs: number;
  readonly reasonCode?: string;
}

async function listed(subject: string): Promise<Listed | undefined> {
  const call = { principal: ADMINISTRATOR, target: PATHS.admin.revocations };
  const { revocations } = jsonOf<{ revocations: Listed[] }>(await separate.call('admin', call));
  return revocations.find((it) => it.subject === subject);
}

/** The newest; it is recorded beside the answer. */
async function refusalOf(caller: string, reason: string): Promise<AuditRecord | undefined> {
  const target = `${PATHS.admin.records}?kind=refusal&limit=100`;
  for (const until = performance.now() + 3000; performance.now() < until; ) {
    const answer = await separate.call('audit', { target, principal: AUDITOR });
    const { records } = jsonOf<{ records: AuditRecord[] }>(answer);
    const found = records.find((it) => it.kind === 'refusal' && it.caller === caller && it.reason === reason);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return undefined;
}

describe('a service team', () => {
  test('takes its own entries and SPIFFE IDs back', async () => {
    const own = await enter('/shop/web');
    expect((await revoke(TEAM, `entry:${own}`)).status).toBe(201);
    expect(await listed(`entry:${own}`)).toBeDefined();
    expect((await revoke(TEAM, 'spiffe-id:spiffe://demo.test/shop/web')).status).toBe(201);
  });

  test.each(['/bank/ledger', '/shopping/x'])('takes no entry of another team back: %s', async (path) => {
    await takesNothing(`entry:${await enter(path)}`, 404, 'entry-outside-paths');
  });

  test.each([
    ['an entry that is none', `entry:${UNKNOWN_ENTRY}`, 404, 'entry-outside-paths'],
    ['a SPIFFE ID of another team', 'spiffe-id:spiffe://demo.test/bank/ledger', 403, 'revocation-outside-paths'],
    ['its path in another trust domain', 'spiffe-id:spiffe://partner.test/shop/web', 403, 'revocation-outside-paths'],
    ['an agent', 'agent:node-1', 403, 'revocation-outside-paths'],
    ['an issuer', `issuer:${KEY_ID}`, 403, 'revocation-outside-paths'],
    ['a certificate, of which nobody could say whose it is', 'svid:01', 403, 'revocation-outside-paths'],
    ['a user', 'user:https://login.test#alice', 403, 'revocation-outside-paths'],
    ['a device', 'device:laptop', 403, 'revocation-outside-paths'],
  ])('takes nothing back of %s', (_name, subject, status, reason) => takesNothing(subject, status, reason));

  async function takesNothing(subject: string, status: number, reason: string): Promise<void> {
    for (const members of [{}, { dryRun: true }]) expect((await revoke(TEAM, subject, members)).status).toBe(status);
    expect(await listed(subject)).toBeUndefined();
    expect(await refusalOf(TEAM, reason)).toMatchObject({ door: 'admin POST /v1/admin/revocations' });
  }

  test('gives nothing back to itself that was taken from it', async () => {
    const own = await enter('/shop/api');
    await revoke(ADMINISTRATOR, `entry:${own}`);
    expect((await revoke(TEAM, `entry:${own}`, { lift: true })).status).toBe(403);
    expect(await listed(`entry:${own}`)).toBeDefined();
    expect((await revoke(ADMINISTRATOR, `entry:${own}`, { lift: true })).status).toBe(201);
    expect(await refusalOf(TEAM, 'revocation-lift-by-team')).toBeDefined();
  });

  test.each([
    ['an entry', async () => `entry:${await enter('/shop/ends')}`, {}],
    ['a SPIFFE ID on hold', async () => 'spiffe-id:spiffe://demo.test/shop/ends', { reasonCode: 'certificate-hold' }],
  ])('has nothing given back by a second word that ends earlier: %s', async (_name, make, members) => {
    const subject = await make();
    await revoke(ADMINISTRATOR, subject, members);
    const before = await listed(subject);
    for (const second of [
      { expiresAtMs: separate.clock.nowMs() + 1 },
      { expiresAtMs: separate.clock.nowMs() + DAY_MS },
    ])
      expect((await revoke(TEAM, subject, second)).status).toBe(201);
    expect((await listed(subject))?.expiresAtMs).toBe(before?.expiresAtMs);
  });

  test('is not first with a word that ends at once, while an administrator says another', async () => {
    for (let round = 0; round < 20; round++) {
      const subject = `entry:${await enter(`/shop/race-${round}`)}`;
      const soon = separate.clock.nowMs() + 1;
      const statuses = await Promise.all([
        revoke(TEAM, subject, { expiresAtMs: soon }),
        revoke(ADMINISTRATOR, subject),
        revoke(TEAM, subject, { expiresAtMs: soon }),
      ]);
      if (statuses[1]?.status !== 201) continue;
      expect((await listed(subject))?.expiresAtMs).toBeGreaterThan(soon + DAY_MS);
    }
  });
});

describe('a revocation for good', () => {
  test.each([`svid:${'1'.repeat(32)}`, `issuer:${KEY_ID}`, 'spiffe-id:spiffe://demo.test/gone', 'session:s1'])(
    'of %s does not become a hold, which could be given back, and does not end earlier',
    async (subject) => {
      expect((await revoke(ADMINISTRATOR, subject, { reasonCode: 'key-compromise' })).status).toBe(201);
      const before = await listed(subject);
      expect((await revoke(ADMINISTRATOR, subject, { reasonCode: 'certificate-hold' })).status).toBe(409);
      const soon = separate.clock.nowMs() + 1000;
      expect((await revoke(ADMINISTRATOR, subject, { expiresAtMs: soon })).status).toBe(201);
      expect((await listed(subject))?.expiresAtMs).toBe(before?.expiresAtMs);
      const later = separate.clock.nowMs() + 60 * DAY_MS;
      expect((await revoke(ADMINISTRATOR, subject, { expiresAtMs: later })).status).toBe(201);
      expect((await listed(subject))?.expiresAtMs).toBe(later);
    },
  );

  test('of an agent’s name is not given back with the agent, and what was said of the agent is', async () => {
    const named = (agent: string) => `spiffe-id:spiffe://demo.test/postern/agent/${agent}`;
    await revoke(ADMINISTRATOR, named('kept'), { reasonCode: 'key-compromise' });
    separate.clock.advanceMs(1000);
    for (const agent of ['kept', 'other']) {
      expect(
        (await revoke(ADMINISTRATOR, `agent:${agent}`, { expiresAtMs: separate.clock.nowMs() + DAY_MS })).status,
      ).toBe(201);
      separate.clock.advanceMs(1000);
    }
    expect((await listed(named('kept')))?.expiresAtMs).toBeGreaterThan(separate.clock.nowMs() + 20 * DAY_MS);
    for (const agent of ['kept', 'other'])
      expect((await revoke(ADMINISTRATOR, `agent:${agent}`, { lift: true })).status).toBe(201);
    expect(await listed('agent:spiffe://demo.test/postern/agent/kept')).toBeUndefined();
    expect(await listed(named('other'))).toBeUndefined();
    expect(await listed(named('kept'))).toBeDefined();
  });

  test('takes the place of a hold', async () => {
    await revoke(ADMINISTRATOR, 'svid:22', { reasonCode: 'certificate-hold' });
    expect((await revoke(ADMINISTRATOR, 'svid:22', { reasonCode: 'key-compromise' })).status).toBe(201);
    expect((await revoke(ADMINISTRATOR, 'svid:22', { lift: true })).status).toBe(409);
  });
});

describe('a name', () => {
  test.each([
    ['a serial as OpenSSL prints it', 'svid:5F:0C:AA', 'svid:5f0caa'],
    ['a serial with a leading zero octet', 'svid:00f1', 'svid:f1'],
    ['a serial without its leading zero', 'svid:f12', 'svid:0f12'],
    ['a key id in capitals', `issuer:${KEY_ID.toUpperCase()}`, `issuer:${KEY_ID}`],
    ['an agent by its name alone', 'agent:node-7', 'agent:spiffe://demo.test/postern/agent/node-7'],
  ])('%s is the one that is looked up', async (_name, subject, known) => {
    const answer = await revoke(ADMINISTRATOR, subject, { dryRun: true });
    expect(jsonOf(answer)).toMatchObject({ subject: known });
  });

  test.each([
    ['a serial that is no number', 'svid:laptop'],
    ['a serial of more than 21 octets', `svid:${'1'.repeat(43)}`],
    ['a key id that is too short', 'issuer:abcd'],
    ['a path in the place of a SPIFFE ID', 'spiffe-id:/shop/web'],
    ['a SPIFFE ID that climbs', 'spiffe-id:spiffe://demo.test/shop/../bank'],
    ['an entry by its SPIFFE ID', 'entry:spiffe://demo.test/shop/web'],
    ['an agent elsewhere', 'agent:spiffe://partner.test/postern/agent/node-1'],
  ])('%s is refused, where nothing would be revoked', async (_name, subject) => {
    expect((await revoke(ADMINISTRATOR, subject)).status).toBe(400);
    expect(await refusalOf(ADMINISTRATOR, 'revocation-subject')).toBeDefined();
  });

  test('an entry that is none, and has no SVIDs either, is not found', async () => {
    expect((await revoke(ADMINISTRATOR, `entry:${UNKNOWN_ENTRY}`)).status).toBe(404);
    expect(await refusalOf(ADMINISTRATOR, 'entry-unknown')).toBeDefined();
  });
});

describe('a reason', () => {
  test.each([
    ['of 256 characters', 'x'.repeat(256), 201],
    ['of 257', 'x'.repeat(257), 400],
    ['of nothing', '', 400],
    ['with half a character', 'x\ud800', 400],
    ['that is a list', ['x'], 400],
    ['that is longer than the door takes', 'x'.repeat(100_000), 413],
  ])('%s', async (_name, reason, status) => {
    expect((await revoke(ADMINISTRATOR, 'device:bomb', { reason })).status).toBe(status);
  });
});
