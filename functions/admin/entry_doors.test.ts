import { type EntriesAnswer, type EntryAnswer, PATHS, type Problem } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyAdministratorPrincipal } from '../door/administrator.ts';
import { ADMINISTRATOR, AUDITOR, jsonOf, openSeparately, type Separate, TEAM } from '../testing/separate.ts';

let separate: Separate;
beforeAll(async () => {
  separate = await openSeparately();
  await separate.served.rotate.tick?.();
});
afterAll(() => separate.remove());

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
const call = (principal: string, method: Method, target: string, body?: unknown) =>
  separate.call('admin', { principal, method, target, ...(body !== undefined && { body }) });

const ATTESTOR = 'spiffe://demo.test/postern/attestor/prod';
let entered = 0;
const entry = (path: string, over: object = {}) => ({
  spiffeId: `spiffe://demo.test${path}`,
  parentId: 'spiffe://demo.test/postern/agent/node-1',
  selectors: [`unix:uid:${++entered}`],
  ...over,
});

async function enter(path: string, over: object = {}, principal = ADMINISTRATOR): Promise<EntryAnswer> {
  const answer = await call(principal, 'POST', PATHS.admin.entries, entry(path, over));
  expect(answer.status, Buffer.from(answer.body).toString()).toBe(201);
  return jsonOf<EntryAnswer>(answer);
}

/** As `update` sends it: the entry that was read, with what is to be other. */
function changed({ id: _id, createdAtMs: _at, updatedAtMs: _then, ...rest }: EntryAnswer, over: object) {
  return { ...rest, hint: undefined, ...over };
}

async function recordsOf(kind: string): Promise<readonly AuditRecord[]> {
  const target = `${PATHS.admin.records}?kind=${kind}&limit=100`;
  return jsonOf<{ records: AuditRecord[] }>(await separate.call('audit', { target, principal: AUDITOR })).records;
}

async function refusalOf(reason: string, door: string): Promise<AuditRecord | undefined> {
  for (const until = performance.now() + 3000; performance.now() < until; ) {
    const records = await recordsOf('refusal');
    const found = records.find((it) => it.kind === 'refusal' && it.reason === reason && it.door === door);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return undefined;
}

describe('an entry', () => {
  test('is created with all that it may have, changed at the revision that was read, and recorded', async () => {
    const created = await enter('/ledger', {
      ttlSeconds: 600,
      jwtTtlSeconds: 120,
      federatesWith: ['partner.test'],
      dnsNames: ['ledger.test'],
      profile: 'workload',
      owner: 'books',
      hint: 'main',
    });
    expect(created).toMatchObject({ revision: 1, federatesWith: ['partner.test'], owner: 'books', hint: 'main' });
    const body = changed(created, { jwtTtlSeconds: 300, ttlSeconds: undefined });
    const answer = await call(ADMINISTRATOR, 'PUT', PATHS.admin.entry(created.id), body);
    expect(answer.status).toBe(200);
    expect(jsonOf<EntryAnswer>(answer)).toMatchObject({ id: created.id, revision: 2, jwtTtlSeconds: 300 });
    const [record] = await recordsOf('entry-updated');
    expect(record).toMatchObject({
      entryId: created.id,
      revision: 2,
      changed: ['hint', 'jwtTtlSeconds', 'ttlSeconds'],
      by: ADMINISTRATOR,
    });
    const again = await call(ADMINISTRATOR, 'PUT', PATHS.admin.entry(created.id), body);
    expect([again.status, jsonOf<Problem>(again).code]).toEqual([409, 'conflict']);
    const deletion = `${PATHS.admin.entry(created.id)}?revision=`;
    expect((await call(ADMINISTRATOR, 'DELETE', `${deletion}1`)).status).toBe(409);
    expect((await call(ADMINISTRATOR, 'DELETE', `${deletion}x`)).status).toBe(400);
    expect((await call(ADMINISTRATOR, 'DELETE', `${deletion}2`)).status).toBe(200);
  });

  test('is changed without a word in the trail when nothing changes', async () => {
    const created = await enter('/same');
    const before = (await recordsOf('entry-updated')).length;
    const answer = await call(ADMINISTRATOR, 'PUT', PATHS.admin.entry(created.id), changed(created, {}));
    expect(jsonOf<EntryAnswer>(answer).revision).toBe(1);
    expect((await recordsOf('entry-updated')).length).toBe(before);
  });

  test.each<[harm: string, over: object, reason: string]>([
    ['a template of an agent’s word', { spiffeId: 'spiffe://demo.test/n/{k8s:ns}' }, 'entry-template-parent'],
    [
      'a template of any cluster',
      { spiffeId: 'spiffe://demo.test/n/{k8s:ns}', parentId: ATTESTOR },
      'entry-template-instance',
    ],
    ['a profile that there is not', { profile: 'root' }, 'entry-profile'],
    ['its own trust domain as a foreign one', { federatesWith: ['demo.test'] }, 'entry-federates-with'],
    ['a token of a day', { jwtTtlSeconds: 86_400 }, 'entry-jwt-ttl'],
    ['a flag that is text', { isTemplateShared: 'yes' }, 'member-malformed'],
  ])('is refused with %s', async (_harm, over, reason) => {
    const answer = await call(ADMINISTRATOR, 'POST', PATHS.admin.entries, entry('/x', over));
    expect(answer.status).toBe(400);
    expect(await refusalOf(reason, 'admin POST /v1/admin/entries')).toMatchObject({ caller: ADMINISTRATOR });
  });

  test('is found by what it begins with, its parent, a selector and its owner', async () => {
    await enter('/found/a', { owner: 'finders', parentId: ATTESTOR, selectors: ['k8s:sa:found'] });
    const list = async (query: string) => {
      const answer = await call(ADMINISTRATOR, 'GET', `${PATHS.admin.entries}?limit=1000&${query}`);
      return jsonOf<EntriesAnswer>(answer).entries.map(({ spiffeId }) => spiffeId);
    };
    for (const query of [
      'prefix=spiffe://demo.test/found/',
      `parent=${ATTESTOR}`,
      'selector=k8s:sa:found',
      'owner=finders',
      'owner=finders&selector=k8s:sa:found',
    ])
      expect(await list(query), query).toEqual(['spiffe://demo.test/found/a']);
    expect(await list('owner=finders&selector=k8s:sa:other')).toEqual([]);
    const long = await call(ADMINISTRATOR, 'GET', `${PATHS.admin.entries}?prefix=${'x'.repeat(2049)}`);
    expect(long.status).toBe(400);
    expect((await call(ADMINISTRATOR, 'GET', `${PATHS.admin.entries}?limit=1e3`)).status).toBe(400);
  });
});

describe('a service team', () => {
  test('enters, sees, changes and deletes what is its own', async () => {
    const own = await enter('/shop/web', {}, TEAM);
    await enter('/shop/prod/{k8s:ns}', { parentId: ATTESTOR, selectors: ['k8s:ns:shop'] }, TEAM);
    expect((await call(TEAM, 'GET', PATHS.admin.entry(own.id))).status).toBe(200);
    const body = changed(own, { ttlSeconds: 600 });
    expect((await call(TEAM, 'PUT', PATHS.admin.entry(own.id), body)).status).toBe(200);
    expect((await call(TEAM, 'DELETE', PATHS.admin.entry(own.id))).status).toBe(200);
  });

  test('is shown no entry of anybody else, in no list', async () => {
    await enter('/shop/seen', {}, TEAM);
    await enter('/shopping/unseen');
    for (const query of ['', '&prefix=spiffe://demo.test/', '&prefix=spiffe://demo.test/shopping/']) {
      const answer = await call(TEAM, 'GET', `${PATHS.admin.entries}?limit=1000${query}`);
      const found = jsonOf<EntriesAnswer>(answer).entries;
      expect(found.filter(({ spiffeId }) => !spiffeId.startsWith('spiffe://demo.test/shop/'))).toEqual([]);
      expect(found.length > 0).toBe(!query.includes('shopping'));
    }
  });

  test.each([
    ['another team’s path', '/bank/web'],
    ['a path that only begins like its own', '/shopping/web'],
    ['its own path itself, which is above it', '/shop'],
    ['a path in other letters', '/Shop/web'],
  ])('enters nothing at %s, and the record says who tried', async (_where, path) => {
    const before = (await recordsOf('administrator-action')).length;
    const answer = await call(TEAM, 'POST', PATHS.admin.entries, entry(path));
    expect([answer.status, jsonOf<Problem>(answer).code]).toEqual([403, 'not-permitted']);
    const door = 'admin POST /v1/admin/entries';
    expect(await refusalOf('entry-outside-paths', door)).toMatchObject({ caller: TEAM });
    expect((await recordsOf('administrator-action')).length).toBe(before);
  });

  test('enters no template that begins above its path', async () => {
    const over = { parentId: ATTESTOR, selectors: ['k8s:ns:shop'], isTemplateShared: true };
    for (const path of ['/{k8s:ns}/web', '/x/{k8s:ns}'])
      expect((await call(TEAM, 'POST', PATHS.admin.entries, entry(path, over))).status).toBeGreaterThanOrEqual(400);
  });

  test.each([
    ['GET', 'admin GET /v1/admin/entries/:id'],
    ['PUT', 'admin PUT /v1/admin/entries/:id'],
    ['DELETE', 'admin DELETE /v1/admin/entries/:id'],
  ] as const)('does not learn by %s that there is an entry of somebody else', async (method, door) => {
    const foreign = await enter('/bank/vault');
    const body = method === 'PUT' ? changed(foreign, { spiffeId: 'spiffe://demo.test/shop/mine' }) : undefined;
    const [there, never] = await Promise.all(
      [foreign.id, 'never'].map((id) => call(TEAM, method, PATHS.admin.entry(id), body)),
    );
    expect(there?.status).toBe(404);
    expect(Buffer.from(there?.body ?? []).toString()).toBe(Buffer.from(never?.body ?? []).toString());
    expect(await refusalOf('entry-outside-paths', door)).toMatchObject({ caller: TEAM });
    const now = await call(ADMINISTRATOR, 'GET', PATHS.admin.entry(foreign.id));
    expect(jsonOf<EntryAnswer>(now)).toEqual(foreign);
  });

  test('moves nothing of its own to another team’s path', async () => {
    const own = await enter('/shop/mover', {}, TEAM);
    const body = changed(own, { spiffeId: 'spiffe://demo.test/bank/web' });
    expect((await call(TEAM, 'PUT', PATHS.admin.entry(own.id), body)).status).toBe(403);
    const now = await call(ADMINISTRATOR, 'GET', PATHS.admin.entry(own.id));
    expect(jsonOf<EntryAnswer>(now)).toEqual(own);
  });

  test('grants itself no DNS name, and keeps those that an operator granted', async () => {
    const own = await enter('/shop/named', { dnsNames: ['shop.test'] });
    const put = (over: object) => call(TEAM, 'PUT', PATHS.admin.entry(own.id), changed(own, over));
    expect((await put({ dnsNames: ['shop.test', 'bank.test'] })).status).toBe(403);
    expect(await refusalOf('entry-dns-name-not-granted', 'admin PUT /v1/admin/entries/:id')).toMatchObject({
      caller: TEAM,
    });
    // A name was granted for these workloads: it does not move to others.
    const elsewhere = [
      { parentId: 'spiffe://demo.test/postern/agent/team-laptop' },
      { selectors: ['unix:uid:0'] },
      { spiffeId: 'spiffe://demo.test/shop/other' },
    ];
    for (const over of elsewhere) expect((await put(over)).status, JSON.stringify(over)).toBe(403);
    expect((await put({ ttlSeconds: 600 })).status).toBe(200);
    const fresh = await call(TEAM, 'POST', PATHS.admin.entries, entry('/shop/other', { dnsNames: ['shop.test'] }));
    expect(fresh.status).toBe(403);
  });

  test('makes no entry for everybody at an attestor, and keeps one that an operator made', async () => {
    const everybody = {
      spiffeId: 'spiffe://demo.test/shop/prod/{k8s:sa}',
      parentId: 'spiffe://demo.test/postern/attestor/prod',
      selectors: [],
    };
    const made = await call(TEAM, 'POST', PATHS.admin.entries, entry('/shop/x', everybody));
    expect(made.status).toBe(403);
    expect(await refusalOf('entry-for-everybody', 'admin POST /v1/admin/entries')).toMatchObject({ caller: TEAM });
    const own = await enter('/shop/x', everybody);
    const put = (over: object) => call(TEAM, 'PUT', PATHS.admin.entry(own.id), changed(own, over));
    expect((await put({ ttlSeconds: 600 })).status).toBe(200);
  });

  test('does nothing else that an administrator does', async () => {
    for (const [method, target, body] of [
      ['GET', PATHS.admin.status, undefined],
      ['POST', PATHS.admin.joinTokens, { agentName: 'a' }],
      ['POST', PATHS.admin.revocations, { subject: 'svid:01', reason: 'x' }],
    ] as const)
      expect((await call(TEAM, method, target, body)).status, target).toBe(403);
  });

  test('has everything where another role says so too', async () => {
    const verify = verifyAdministratorPrincipal(new Map([['x', ['service-team:/shop/', 'operator']]]));
    const { pathsOf } = await import('../door/administrator.ts');
    const both = await verify({ token: '', principal: 'x' });
    if (both === undefined) throw new Error('nobody');
    expect([pathsOf(both, 'entries:write'), both.spiffePaths]).toEqual([undefined, ['/shop/']]);
    expect(pathsOf({ name: 'x', roles: ['service-team'] }, 'entries:write')).toEqual([]);
  });
});
