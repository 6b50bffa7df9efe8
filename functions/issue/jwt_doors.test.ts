import { type JwtSvidsAnswer, PATHS } from '@postern/api';
import { MAX_AUDIENCE_LENGTH } from '@postern/ca';
import { verifyJoseSignature } from '@postern/keys';
import { parseTrustBundle, parseTrustDomain, verifyJwtSvid } from '@postern/spiffe';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { askJwtSvids, callAs, csrOf, enterWorkload, type Holder, joinAgent, newKey } from '../testing/agents.ts';
import { expectRefused, problemOf } from '../testing/answers.ts';
import { startWorld, TRUST_DOMAIN, type World } from '../testing/world.ts';

const DOOR = 'issue POST /v1/jwt-svids';
const AUDIENCE = 'https://ledger.demo.test';

let world: World;
let agent: Holder;
let other: Holder;
let [entryId, otherEntryId] = ['', ''];
beforeAll(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
  other = await joinAgent(world, 'node-2');
  entryId = await enterWorkload(world, agent, '/payments');
  otherEntryId = await enterWorkload(world, other, '/storefront');
});
afterEach(() => {
  delete world.faults.signers;
});
afterAll(() => world.remove());

const ask = (audience: unknown, id = entryId, as = agent) => askJwtSvids(world, as, [{ entryId: id, audience }]);
const answerOf = async (response: Response) => (await response.json()) as JwtSvidsAnswer;

async function enter(path: string, members: object): Promise<string> {
  const entry = { spiffeId: `spiffe://${TRUST_DOMAIN}${path}`, parentId: agent.spiffeId, selectors: ['unix:uid:1'] };
  const response = await world.admin('POST', PATHS.admin.entries, { ...entry, ...members });
  return ((await response.json()) as { id: string }).id;
}

/** As whoever fetched the bundle now would judge it. */
async function verdict(token: string, audience = AUDIENCE): Promise<string> {
  const trustDomain = parseTrustDomain(TRUST_DOMAIN);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const bundle = parseTrustBundle(await (await fetch(world.url + PATHS.trustBundle)).text(), trustDomain.value);
  if (!bundle.ok) throw new Error(bundle.reason);
  const bundles = new Map([[TRUST_DOMAIN, bundle.value]]);
  const options = { audience, bundles, nowMs: world.clock.nowMs(), verifyJws: verifyJoseSignature };
  const verified = verifyJwtSvid(token, options);
  return verified.ok ? verified.value.spiffeId.uri : verified.reason;
}

describe('an agent', () => {
  test('gets a token for its workload that the published bundle verifies, and it is recorded without the token', async () => {
    const response = await ask([AUDIENCE]);
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const { svids, refused } = await answerOf(response);
    expect(refused).toEqual([]);
    expect(svids).toMatchObject([{ entryId, spiffeId: 'spiffe://demo.test/payments', audience: [AUDIENCE] }]);
    const [{ token, issuedAtMs, expiresAtMs }] = svids as [JwtSvidsAnswer['svids'][number]];
    expect(await verdict(token)).toBe('spiffe://demo.test/payments');
    const { iss, jti } = decodeJwt(token);
    expect(iss).toBe(world.url);
    const record = await world.recordOf('jwt-issued', ({ tokenId }) => tokenId === jti);
    expect(record).toMatchObject({
      spiffeId: 'spiffe://demo.test/payments',
      audience: [AUDIENCE],
      requester: agent.spiffeId,
      entryId,
      issuedAtMs,
      expiresAtMs,
    });
    const [, claims, signature] = token.split('.') as [string, string, string];
    const segments = (await world.exportTrail()).segments.map(({ jws }) => Buffer.from(jws, 'base64url').toString());
    const everything = [JSON.stringify(record), ...segments, JSON.stringify(world.logs)].join();
    expect(everything).not.toContain(signature);
    expect(everything).not.toContain(claims);
  });

  test('gets the good ones of a batch, and a reason for each of the others', async () => {
    const requests = [
      { entryId, audience: [AUDIENCE] },
      { entryId: otherEntryId, audience: [AUDIENCE] },
      { entryId: 'never', audience: [AUDIENCE] },
      { entryId, audience: [] },
    ];
    const { svids, refused } = await answerOf(await askJwtSvids(world, agent, requests));
    expect(svids.map((svid) => svid.entryId)).toEqual([entryId]);
    expect(refused).toEqual([
      { entryId: otherEntryId, reason: 'entry-unknown' },
      { entryId: 'never', reason: 'entry-unknown' },
      { entryId, reason: 'audience-missing' },
    ]);
    expect(await world.recordOf('refusal', ({ door }) => door === 'issue jwt-svid')).toMatchObject({
      caller: agent.spiffeId,
    });
  });

  test('gets tokens that live as long as the entry says', async () => {
    const longer = await enter('/longer', { jwtTtlSeconds: 600 });
    const [svid] = (await answerOf(await ask([AUDIENCE], longer))).svids;
    expect((svid?.expiresAtMs ?? 0) - (svid?.issuedAtMs ?? 0)).toBe(600_000);
  });

  test('gets no token that outlives its entry, and none for one that has ended', async () => {
    const ending = await enter('/ending', { expiresAtMs: world.clock.nowMs() + 120_000 });
    const { svids } = await answerOf(await ask([AUDIENCE], ending));
    expect((svids[0]?.expiresAtMs ?? 0) - world.clock.nowMs()).toBeLessThanOrEqual(120_000);
    world.clock.advanceMs(100_000);
    expect((await answerOf(await ask([AUDIENCE], ending))).refused).toEqual([
      { entryId: ending, reason: 'entry-ending' },
    ]);
    world.clock.advanceMs(20_000);
    expect((await answerOf(await ask([AUDIENCE], ending))).refused).toEqual([
      { entryId: ending, reason: 'entry-unknown' },
    ]);
  });

  test('gets none for an entry that was taken back', async () => {
    const gone = await enterWorkload(world, agent, '/gone');
    expect((await answerOf(await ask([AUDIENCE], gone))).svids).toHaveLength(1);
    await world.admin('DELETE', PATHS.admin.entry(gone));
    const before = world.effects();
    expect(await answerOf(await ask([AUDIENCE], gone))).toEqual({
      svids: [],
      refused: [{ entryId: gone, reason: 'entry-unknown' }],
    });
    expect(world.effects()).toEqual(before);
  });

  test('that was revoked gets none', async () => {
    const lost = await joinAgent(world, 'lost');
    const id = await enterWorkload(world, lost, '/lost');
    expect((await answerOf(await ask([AUDIENCE], id, lost))).svids).toHaveLength(1);
    await world.admin('POST', PATHS.admin.revocations, { subject: `spiffe-id:${lost.spiffeId}`, reason: 'lost' });
    const expected = { status: 401, code: 'not-authenticated', door: DOOR, reason: 'agent-revoked' } as const;
    await expectRefused(world, () => ask([AUDIENCE], id, lost), expected);
  });
});

describe('nothing is signed for', () => {
  const refused: [what: string, audience: unknown, reason: string][] = [
    ['an audience that is empty', [''], 'audience-empty'],
    ['too many audiences', Array.from({ length: 11 }, (_, index) => `a${index}`), 'audience-too-many'],
    ['an audience that is too long', ['a'.repeat(MAX_AUDIENCE_LENGTH + 1)], 'audience-too-long'],
    ['an audience with a control character', ['a\u0007'], 'audience-characters'],
    ['one audience twice', ['a', 'a'], 'audience-repeated'],
  ];
  test.each(refused)('%s', async (_what, audience, reason) => {
    const before = world.effects();
    expect(await answerOf(await ask(audience))).toEqual({ svids: [], refused: [{ entryId, reason }] });
    expect(world.effects()).toEqual(before);
  });

  const malformed: [what: string, audience: unknown][] = [
    ['an audience that is no list', AUDIENCE],
    ['an audience that is no text', [1]],
    ['no audience at all', undefined],
    ['hundreds of audiences', Array.from({ length: 300 }, (_, index) => `a${index}`)],
    ['an audience of kilobytes', ['a'.repeat(4096)]],
  ];
  test.each(malformed)('%s', async (_what, audience) => {
    const expected = { status: 400, code: 'malformed-request', door: DOOR, reason: 'member-malformed' } as const;
    await expectRefused(world, () => ask(audience), { ...expected, caller: agent.spiffeId });
  });

  test('more requests than a batch may have', async () => {
    const requests = Array.from({ length: 51 }, () => ({ entryId, audience: [AUDIENCE] }));
    const expected = { status: 400, code: 'malformed-request', door: DOOR, reason: 'member-malformed' } as const;
    await expectRefused(world, () => askJwtSvids(world, agent, requests), expected);
  });
});

describe('while the key cannot be used', () => {
  test('the caller is told to come again, once for the whole batch, and it is recorded', async () => {
    let tries = 0;
    world.faults.signers = (name) => {
      if (name !== 'jwt') return false;
      tries += 1;
      return true;
    };
    const requests = Array.from({ length: 20 }, () => ({ entryId, audience: [AUDIENCE] }));
    const response = await askJwtSvids(world, agent, requests);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await problemOf(response)).code).toBe('unavailable');
    expect(tries).toBe(1);
    const failed = await world.recordOf('jwt-failed', ({ reason }) => reason === 'authority-unavailable');
    expect(failed).toMatchObject({ spiffeId: 'spiffe://demo.test/payments', audience: [AUDIENCE], entryId });
  });

  test('X.509-SVIDs are issued all the same', async () => {
    world.faults.signers = (name) => name === 'jwt';
    const requests = [{ entryId, csr: csrOf(newKey()) }];
    const response = await callAs(world, agent, { method: 'POST', target: PATHS.svids, body: { requests } });
    expect(((await response.json()) as { svids: unknown[] }).svids).toHaveLength(1);
  });
});

test('a token is issued by the authority’s clock, whatever the agent’s says within its skew', async () => {
  const nowMs = world.clock.nowMs() - 50_000;
  const call = {
    method: 'POST',
    target: PATHS.jwtSvids,
    body: { requests: [{ entryId, audience: [AUDIENCE] }] },
  } as const;
  const { svids } = await answerOf(await callAs(world, agent, call, { nowMs }));
  expect(svids[0]?.issuedAtMs).toBe(Math.floor(world.clock.nowMs() / 1000) * 1000);
});
