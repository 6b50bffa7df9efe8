import { type AgentIdentity, PATHS, type SvidsAnswer } from '@postern/api';
import { createProducer } from '@postern/audit';
import { createTestAuthority, createTestLeaf, type TestAuthority } from '@postern/identity/testing';
import { generateSoftwareSigner } from '@postern/keys';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type AgentCall,
  callAs,
  csrOf,
  enterWorkload,
  type Holder,
  holderOf,
  issueWorkload,
  joinAgent,
  newKey,
  type ProofChange,
  proofOf,
  send,
} from './testing/agents.ts';
import { expectRefused } from './testing/answers.ts';
import { startWorld, type World } from './testing/world.ts';

let world: World;
let agent: Holder;
let other: Holder;
let workload: Holder;
let foreign: Holder;
let [entry, otherEntry] = ['', ''];

beforeAll(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
  other = await joinAgent(world, 'node-2');
  entry = await enterWorkload(world, agent, '/payments');
  otherEntry = await enterWorkload(world, other, '/storefront');
  workload = await issueWorkload(world, agent, entry);
  foreign = foreignAgent(world, agent);
});
afterAll(() => world.remove());

/** Everything right but the authority. */
function foreignAgent({ clock }: World, { spiffeId }: Holder): Holder {
  const times = { trustDomain: 'demo.test', nowMs: clock.nowMs() };
  const root = createTestAuthority(times);
  return leafOf(createTestAuthority({ ...times, parent: root }), spiffeId, clock.nowMs());
}

function leafOf(issuer: TestAuthority, uri: string, nowMs: number): Holder {
  const leaf = createTestLeaf({ issuer, uris: [uri], notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000 });
  return {
    spiffeId: uri,
    serial: leaf.serial,
    chain: [leaf.certificate, issuer.certificate],
    privateKey: leaf.privateKey,
  };
}

const csr = csrOf(newKey());
const DOORS: [door: string, call: AgentCall][] = [
  ['feed GET /v1/feed', { method: 'GET', target: `${PATHS.feed}?epoch=&after=0` }],
  ['feed GET /v1/releases/:number', { method: 'GET', target: PATHS.release(1) }],
  ['issue GET /v1/agents/entries', { method: 'GET', target: PATHS.agentEntries }],
  ['issue POST /v1/agents/renew', { method: 'POST', target: PATHS.agentRenew, body: { csr } }],
  ['issue POST /v1/svids', { method: 'POST', target: PATHS.svids, body: { requests: [{ entryId: 'x', csr }] } }],
  [
    'issue POST /v1/jwt-svids',
    { method: 'POST', target: PATHS.jwtSvids, body: { requests: [{ entryId: 'x', audience: ['a'] }] } },
  ],
  [
    'ingest POST /v1/audit/segments',
    { method: 'POST', target: PATHS.segments, body: { producer: 'x', key: {}, segments: [] } },
  ],
];

describe.each(DOORS)('%s does nothing for', (door, call) => {
  const flipped = { GET: 'POST', POST: 'GET' } as const;
  const rows: [string, string, () => Promise<string | undefined>][] = [
    ['a caller without proof', 'proof-missing', async () => undefined],
    ['a caller with an empty proof', 'proof-missing', async () => ''],
    ['a proof that is none', 'proof-malformed', async () => 'x.y'],
    ['a proof for another method', 'proof-method', () => right({ method: flipped[call.method] })],
    ['a proof for another target', 'proof-target', () => right({ target: `${call.target}x` })],
    ['a proof for another body', 'proof-body', () => right({ body: Buffer.from('{}') })],
    ['a proof for another control plane', 'proof-audience', () => right({ audience: 'http://127.0.0.1:1' })],
    ['a proof for another trust domain', 'proof-trust-domain', () => right({ trustDomain: 'evil.test' })],
    ['a proof from a minute ago', 'proof-expired', () => right({ nowMs: world.clock.nowMs() - 61_000 })],
    ['a proof from the future', 'proof-not-yet-valid', () => right({ nowMs: world.clock.nowMs() + 62_000 })],
    ['a proof without SVID', 'proof-chain', () => right({ chain: [] })],
    ['a proof by another key than the SVID’s', 'proof-signature', () => right({ key: newKey() })],
    ['the SVID of a foreign authority', 'proof-svid-untrusted', () => proofOf(world, foreign, call)],
    ['a workload that is no agent', 'not-an-agent', () => proofOf(world, workload, call)],
  ];
  const right = (change: ProofChange) => proofOf(world, agent, call, change);

  test.each(rows)('%s', async (_, reason, make) => {
    const proof = await make();
    const expected = { status: 401, code: 'not-authenticated', door, reason } as const;
    await expectRefused(world, () => send(world, call, proof), expected);
  });

  test('a proof seen before, unless it only reads', async () => {
    const proof = await right({});
    const first = await send(world, call, proof);
    expect(first.status).not.toBe(401);
    if (call.method === 'GET') return expect((await send(world, call, proof)).status).toBe(first.status);
    const expected = { status: 401, code: 'not-authenticated', door, reason: 'proof-replayed' } as const;
    return void (await expectRefused(world, () => send(world, call, proof), expected));
  });
});

describe.each(DOORS.filter(([, { method }]) => method === 'POST'))(
  '%s refuses from a proven agent',
  (door, { target }) => {
    const rows: [string, number, 'malformed-request' | 'too-large', string, unknown][] = [
      ['a body that is no JSON', 400, 'malformed-request', 'body-not-json', '{'],
      ['no body', 400, 'malformed-request', 'body-not-json', ''],
      ['a list', 400, 'malformed-request', 'body-not-object', []],
      ['null', 400, 'malformed-request', 'body-not-object', 'null'],
      ['a member that nobody knows', 400, 'malformed-request', 'member-unknown', { surprise: 1 }],
      ['a member left out', 400, 'malformed-request', 'member-malformed', {}],
      [
        'a body that is too large',
        413,
        'too-large',
        'body-too-large',
        JSON.stringify({ csr: 'x'.repeat(5 * 1024 * 1024) }),
      ],
    ];
    test.each(rows)('%s', async (_, status, code, reason, body) => {
      await expectRefused(world, () => callAs(world, agent, { method: 'POST', target, body }), {
        status,
        code,
        door,
        reason,
      });
    });
  },
);

describe('an agent gets nothing that belongs to another', () => {
  const svids = (requests: readonly unknown[]) =>
    callAs(world, agent, { method: 'POST', target: PATHS.svids, body: { requests } });

  test('no SVID for an entry of another agent: it is as unknown as one that never was', async () => {
    const before = world.effects();
    const response = await svids([
      { entryId: otherEntry, csr },
      { entryId: 'never', csr },
    ]);
    expect(await response.json()).toEqual({
      svids: [],
      refused: [
        { entryId: otherEntry, reason: 'entry-unknown' },
        { entryId: 'never', reason: 'entry-unknown' },
      ],
    });
    expect(await world.recordOf('refusal', ({ door }) => door === 'issue svid')).toMatchObject({
      reason: 'entry-unknown',
      caller: agent.spiffeId,
    });
    expect(world.effects()).toEqual(before);
  });

  test('no sight of its entries', async () => {
    const response = await callAs(world, agent, { method: 'GET', target: PATHS.agentEntries });
    const { entries } = (await response.json()) as { entries: { id: string }[] };
    expect(entries.map(({ id }) => id)).toEqual([entry]);
  });

  test('no SVID when only one of several requests is good: that one alone is issued', async () => {
    const before = (await world.records('issuance-complete')).length;
    const response = await svids([
      { entryId: entry, csr: 'AAAA' },
      { entryId: entry, csr },
    ]);
    const answer = (await response.json()) as SvidsAnswer;
    expect(answer.svids).toHaveLength(1);
    expect(answer.refused).toMatchObject([{ entryId: entry }]);
    expect((await world.records('issuance-complete')).length).toBe(before + 1);
  });

  test('no more SVIDs than a request may ask for', async () => {
    const call = () => svids(Array.from({ length: 51 }, () => ({ entryId: entry, csr })));
    await expectRefused(world, call, {
      status: 400,
      code: 'malformed-request',
      door: 'issue POST /v1/svids',
      reason: 'member-malformed',
      caller: agent.spiffeId,
    });
  });
});

describe('the ingest door takes no records', () => {
  const door = 'ingest POST /v1/audit/segments';
  const signer = generateSoftwareSigner('ES256');

  async function segments(id: string, count: number, text = 'r'): Promise<{ key: object; segments: string[] }> {
    const sent: string[] = [];
    const sink = { write: async ({ jws }: { jws: string }) => void sent.push(jws) };
    let ids = 0;
    const producer = createProducer({
      id,
      signer,
      sink,
      clock: world.clock,
      mode: 'strict',
      createId: () => `${id}-${ids++}`,
    });
    for (let index = 0; index < count; index++)
      await producer.append({ kind: 'refusal', door: text, reason: 'r', count: 1 });
    return { key: producer.key, segments: sent };
  }
  const ship = (body: unknown) => callAs(world, agent, { method: 'POST', target: PATHS.segments, body });

  test('of another agent', async () => {
    const producer = `${other.spiffeId}#run`;
    const call = async () => ship({ producer, ...(await segments(producer, 1)) });
    await expectRefused(world, call, {
      status: 403,
      code: 'not-permitted',
      door,
      reason: 'producer-of-another',
      caller: agent.spiffeId,
    });
  });

  test('of an agent whose name only begins with this one’s', async () => {
    const producer = `${agent.spiffeId}0#run`;
    const call = async () => ship({ producer, ...(await segments(producer, 1)) });
    await expectRefused(world, call, { status: 403, code: 'not-permitted', door, reason: 'producer-of-another' });
  });

  test('signed with a key that cannot sign segments, or one that is not public', async () => {
    const producer = `${agent.spiffeId}#key`;
    for (const key of [
      { kty: 'oct', k: 'AAAA' },
      { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
    ])
      await expectRefused(world, () => ship({ producer, key, segments: [] }), {
        status: 400,
        code: 'malformed-request',
        door,
        reason: 'producer-key',
      });
  });

  test('signed with another key than the producer began with', async () => {
    const producer = `${agent.spiffeId}#stolen`;
    const { key } = await segments(producer, 1);
    expect((await ship({ producer, key, segments: [] })).status).toBe(200);
    const thief = generateSoftwareSigner('ES256');
    const sent: string[] = [];
    const sink = { write: async ({ jws }: { jws: string }) => void sent.push(jws) };
    const forger = createProducer({
      id: producer,
      signer: thief,
      sink,
      clock: world.clock,
      mode: 'strict',
      createId: () => 'forged',
    });
    await forger.append({ kind: 'refusal', door: 'x', reason: 'forged', count: 1 });
    const call = () => ship({ producer, key: forger.key, segments: sent });
    await expectRefused(world, call, { status: 409, code: 'conflict', door, reason: 'segment-signature' });
  });

  test('with some missing, and none twice: repeating is acknowledged and changes nothing', async () => {
    const producer = `${agent.spiffeId}#gap`;
    const { key, segments: sent } = await segments(producer, 3);
    expect((await ship({ producer, key, segments: [] })).status).toBe(200);
    const call = () => ship({ producer, key, segments: sent.slice(1) });
    await expectRefused(world, call, { status: 409, code: 'conflict', door, reason: 'segment-gap' });
    for (let times = 0; times < 2; times++)
      expect(await (await ship({ producer, key, segments: sent })).json()).toEqual({ acknowledged: 3 });
    const found = (await world.exportTrail()).segments.filter((segment) => segment.producer === producer);
    expect(found).toHaveLength(3);
  });

  test('that tell another story about numbers told before', async () => {
    const producer = `${agent.spiffeId}#fork`;
    const { key, segments: sent } = await segments(producer, 1);
    await ship({ producer, key, segments: sent });
    const { segments: lies } = await segments(producer, 1, 'lie');
    const call = () => ship({ producer, key, segments: lies });
    await expectRefused(world, call, { status: 409, code: 'conflict', door, reason: 'segment-fork' });
  });
});

describe('the feed is read from nowhere but a place in it', () => {
  test.each(['-1', '1.5', 'x', '9007199254740992'])('after=%s is refused', async (after) => {
    const call = () => callAs(world, agent, { method: 'GET', target: `${PATHS.feed}?epoch=&after=${after}` });
    await expectRefused(world, call, {
      status: 400,
      code: 'malformed-request',
      door: 'feed GET /v1/feed',
      reason: 'feed-position-malformed',
      caller: agent.spiffeId,
    });
  });

  test.each([
    ['0', 'release-number-malformed'],
    ['-1', 'release-number-malformed'],
    ['x', 'release-number-malformed'],
    ['%2e%2e%2fauthority%2froot.der', 'release-number-malformed'],
    ['999', 'release-unknown'],
  ])('release %s is not found', async (number, reason) => {
    const call = () => callAs(world, agent, { method: 'GET', target: `/v1/releases/${number}` });
    await expectRefused(world, call, { status: 404, code: 'not-found', door: 'feed GET /v1/releases/:number', reason });
  });
});

describe('an identity that was taken back', () => {
  const reading: AgentCall = { method: 'GET', target: PATHS.agentEntries };
  const subjects: [string, (holder: Holder) => Promise<string>][] = [
    ['by its serial', async ({ serial }) => `svid:${serial}`],
    ['by its name', async ({ spiffeId }) => `spiffe-id:${spiffeId}`],
  ];
  test.each(subjects)('%s reads and renews nothing', async (how, subjectOf) => {
    const holder = await joinAgent(world, `revoked-${how.replaceAll(' ', '-')}`);
    expect((await callAs(world, holder, reading)).status).toBe(200);
    const subject = await subjectOf(holder);
    expect((await world.admin('POST', PATHS.admin.revocations, { subject, reason: 'lost' })).status).toBe(201);
    const refused = { status: 401, code: 'not-authenticated', reason: 'agent-revoked' } as const;
    await expectRefused(world, () => callAs(world, holder, reading), {
      ...refused,
      door: 'issue GET /v1/agents/entries',
    });
    const renewing: AgentCall = { method: 'POST', target: PATHS.agentRenew, body: { csr } };
    await expectRefused(world, () => callAs(world, holder, renewing), {
      ...refused,
      door: 'issue POST /v1/agents/renew',
    });
    expect((await callAs(world, agent, reading)).status).toBe(200);
  });

  test('by expiry reads nothing', async () => {
    const own = await startWorld();
    try {
      const holder = await joinAgent(own, 'node-1');
      own.clock.advanceMs(25 * 60 * 60 * 1000);
      await expectRefused(own, () => callAs(own, holder, reading), {
        status: 401,
        code: 'not-authenticated',
        door: 'issue GET /v1/agents/entries',
        reason: 'proof-svid-expired',
      });
    } finally {
      await own.remove();
    }
  });

  test('by a newer one: two holders of one lineage lock it, and neither renews', async () => {
    const holder = await joinAgent(world, 'cloned');
    const renew = (who: Holder, key = newKey()) =>
      callAs(world, who, { method: 'POST', target: PATHS.agentRenew, body: { csr: csrOf(key) } });
    const key = newKey();
    const next = holderOf((await (await renew(holder, key)).json()) as AgentIdentity, key);
    const last = newKey();
    const newest = holderOf((await (await renew(next, last)).json()) as AgentIdentity, last);
    const door = 'issue POST /v1/agents/renew';
    const locked = await renew(holder);
    expect(locked.status).toBe(403);
    expect(await world.recordOf('refusal', ({ reason }) => reason === 'serial-superseded')).toMatchObject({
      door,
      caller: holder.spiffeId,
    });
    expect(await world.recordOf('administrator-action', ({ action }) => action === 'lineage-locked')).toMatchObject({
      subject: `${holder.spiffeId} ${holder.serial}`,
      by: 'issue',
    });
    await expectRefused(world, () => renew(newest), {
      status: 403,
      code: 'not-permitted',
      door,
      reason: 'lineage-locked',
    });
  });
});

test('after all of this the trail verifies, and no proof is in it or in the log', async () => {
  const proof = await proofOf(world, agent, { method: 'GET', target: PATHS.agentEntries });
  const [, , signature] = proof.split('.') as [string, string, string];
  await send(world, { method: 'GET', target: PATHS.agentEntries }, `${proof}x`);
  const report = await world.verify();
  expect(report.findings.filter(({ kind }) => kind !== 'issuance-open')).toEqual([]);
  const segments = (await world.exportTrail()).segments.map(({ jws }) =>
    Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString(),
  );
  const everything = [...segments, JSON.stringify(world.logs)].join('\n');
  expect(everything).not.toContain(signature);
  expect(everything).not.toContain(proof.slice(0, 200));
});
