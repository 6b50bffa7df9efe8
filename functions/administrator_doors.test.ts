import { PATHS } from '@postern/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isGranted, type Permission, type Role } from './door/administrator.ts';
import { enterWorkload, type Holder, joinAgent } from './testing/agents.ts';
import { expectRefused, type Refused } from './testing/answers.ts';
import { startWorld, type World } from './testing/world.ts';

let world: World;
let agent: Holder;
beforeAll(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
});
afterAll(() => world.remove());

type Door = [door: string, method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string];
const DOORS: Door[] = [
  ['admin POST /v1/admin/entries', 'POST', PATHS.admin.entries],
  ['admin GET /v1/admin/entries', 'GET', PATHS.admin.entries],
  ['admin GET /v1/admin/entries/:id', 'GET', PATHS.admin.entry('x')],
  ['admin PUT /v1/admin/entries/:id', 'PUT', PATHS.admin.entry('x')],
  ['admin DELETE /v1/admin/entries/:id', 'DELETE', PATHS.admin.entry('x')],
  ['admin POST /v1/admin/join-tokens', 'POST', PATHS.admin.joinTokens],
  ['admin POST /v1/admin/federations', 'POST', PATHS.admin.federations],
  ['admin GET /v1/admin/federations', 'GET', PATHS.admin.federations],
  ['admin DELETE /v1/admin/federations/:trustDomain', 'DELETE', PATHS.admin.federation('x')],
  ['admin POST /v1/admin/attestors', 'POST', PATHS.admin.attestors],
  ['admin GET /v1/admin/attestors', 'GET', PATHS.admin.attestors],
  ['admin GET /v1/admin/attestors/:name', 'GET', PATHS.admin.attestor('x')],
  ['admin DELETE /v1/admin/attestors/:name', 'DELETE', PATHS.admin.attestor('x')],
  ['admin POST /v1/admin/acme-keys', 'POST', PATHS.admin.acmeKeys],
  ['admin GET /v1/admin/acme-keys', 'GET', PATHS.admin.acmeKeys],
  ['admin DELETE /v1/admin/acme-keys/:id', 'DELETE', PATHS.admin.acmeKey('x')],
  ['admin POST /v1/admin/revocations', 'POST', PATHS.admin.revocations],
  ['admin GET /v1/admin/revocations', 'GET', PATHS.admin.revocations],
  ['admin GET /v1/admin/authority', 'GET', PATHS.admin.authority],
  ['admin POST /v1/admin/authority', 'POST', PATHS.admin.authority],
  ['admin GET /v1/admin/status', 'GET', PATHS.admin.status],
  ['publish POST /v1/admin/releases', 'POST', PATHS.admin.releases],
  ['publish POST /v1/admin/releases/rollback', 'POST', PATHS.admin.rollback],
  ['publish GET /v1/admin/releases', 'GET', PATHS.admin.releases],
  ['audit GET /v1/admin/audit/records', 'GET', PATHS.admin.records],
  ['audit GET /v1/admin/audit/records/:id', 'GET', PATHS.admin.record('x')],
  ['audit GET /v1/admin/audit/trail', 'GET', PATHS.admin.trail],
];

test('every administrative path has a row here', () => {
  const paths = Object.values(PATHS.admin).map((path) => (typeof path === 'string' ? path : path('x')));
  expect(new Set(DOORS.map(([, , path]) => path))).toEqual(new Set(paths));
});

describe.each(DOORS)('%s is closed to', (door, method, path) => {
  const huge = method === 'POST' ? 'x'.repeat(20 * 1024 * 1024) : undefined;
  const rows: [string, { readonly [name: string]: string }, unknown][] = [
    ['nobody in particular', {}, undefined],
    ['a wrong token', { authorization: 'Bearer wrong' }, undefined],
    ['an empty token', { authorization: 'Bearer ' }, undefined],
    ['the token in another scheme', { authorization: 'Basic TOKEN' }, undefined],
    ['the token with something after it', { authorization: 'Bearer TOKENx' }, undefined],
    ['a wrong token with a body that is never read', { authorization: 'Bearer wrong' }, huge],
  ];
  test.each(rows)('%s', async (_, headers, body) => {
    const authorization = headers['authorization']?.replace('TOKEN', world.administratorToken);
    const call = () => world.admin(method, path, body, authorization === undefined ? {} : { authorization });
    await expectRefused(world, call, { status: 401, code: 'not-authenticated', door, reason: 'administrator-unknown' });
  });
});

describe('an administrator is refused', () => {
  const bad = (door: string, reason: string): Refused => ({
    status: 400,
    code: 'malformed-request',
    door,
    reason,
    caller: 'local-administrator',
  });
  const entries = 'admin POST /v1/admin/entries';
  const tokens = 'admin POST /v1/admin/join-tokens';
  const revocations = 'admin POST /v1/admin/revocations';
  const post = (path: string, body: unknown) => () => world.admin('POST', path, body);
  const get = (path: string) => () => world.admin('GET', path);
  const entry = (change: object) =>
    post(PATHS.admin.entries, {
      spiffeId: 'spiffe://demo.test/a',
      parentId: agent.spiffeId,
      selectors: ['unix:uid:1'],
      ...change,
    });
  const revocation = (change: object) =>
    post(PATHS.admin.revocations, { subject: 'svid:00', reason: 'test', ...change });

  const rows: [string, () => () => Promise<Response>, Refused][] = [
    ['an entry that is no JSON', () => post(PATHS.admin.entries, '{'), bad(entries, 'body-not-json')],
    ['an entry with a misspelt member', () => entry({ ttl: 60 }), bad(entries, 'member-unknown')],
    [
      'an entry with a member of another type',
      () => entry({ selectors: 'unix:uid:1' }),
      bad(entries, 'member-malformed'),
    ],
    ['an entry that outlives its bound', () => entry({ ttlSeconds: 86_401 }), bad(entries, 'entry-ttl')],
    [
      'an entry of another trust domain',
      () => entry({ spiffeId: 'spiffe://evil.test/a' }),
      bad(entries, 'entry-trust-domain'),
    ],
    ['an entry that names an agent', () => entry({ spiffeId: agent.spiffeId }), bad(entries, 'entry-path-reserved')],
    ['an entry without path', () => entry({ spiffeId: 'spiffe://demo.test' }), bad(entries, 'entry-path-missing')],
    [
      'an entry that is no SPIFFE ID',
      () => entry({ spiffeId: 'https://demo.test/a' }),
      bad(entries, 'entry-spiffe-id'),
    ],
    [
      'an entry under what is no agent',
      () => entry({ parentId: 'spiffe://demo.test/payments' }),
      bad(entries, 'entry-parent'),
    ],
    ['an entry that anything on the node would match', () => entry({ selectors: [] }), bad(entries, 'entry-selectors')],
    ['an entry with a wildcard name', () => entry({ dnsNames: ['*.demo.test'] }), bad(entries, 'entry-dns-name')],
    ['a page of no entries', () => get(`${PATHS.admin.entries}?limit=0`), bad('admin GET /v1/admin/entries', 'limit')],
    [
      'a page of all entries',
      () => get(`${PATHS.admin.entries}?limit=1001`),
      bad('admin GET /v1/admin/entries', 'limit'),
    ],
    [
      'a cursor that no page named',
      () => get(`${PATHS.admin.entries}?after=${'x'.repeat(513)}`),
      bad('admin GET /v1/admin/entries', 'cursor'),
    ],
    ['an empty cursor', () => get(`${PATHS.admin.entries}?after=`), bad('admin GET /v1/admin/entries', 'cursor')],
    [
      'an entry that is not there',
      () => get(PATHS.admin.entry('x')),
      { ...bad('admin GET /v1/admin/entries/:id', 'entry-unknown'), status: 404, code: 'not-found' },
    ],
    [
      'deleting what is not there',
      () => () => world.admin('DELETE', PATHS.admin.entry('x')),
      { ...bad('admin DELETE /v1/admin/entries/:id', 'entry-unknown'), status: 404, code: 'not-found' },
    ],
    [
      'a join token for two segments',
      () => post(PATHS.admin.joinTokens, { agentName: 'a/b' }),
      bad(tokens, 'agent-name'),
    ],
    ['a join token that climbs', () => post(PATHS.admin.joinTokens, { agentName: '..' }), bad(tokens, 'agent-name')],
    [
      'a join token for a month',
      () => post(PATHS.admin.joinTokens, { agentName: 'a', ttlSeconds: 2_592_000 }),
      bad(tokens, 'member-malformed'),
    ],
    [
      'a join token in more than 4 KiB',
      () => post(PATHS.admin.joinTokens, { agentName: 'a'.repeat(4096) }),
      { ...bad(tokens, 'body-too-large'), status: 413, code: 'too-large' },
    ],
    ['a revocation of nothing', () => revocation({ subject: 'svid:' }), bad(revocations, 'revocation-subject')],
    [
      'a revocation of an unknown kind',
      () => revocation({ subject: 'planet:earth' }),
      bad(revocations, 'revocation-subject'),
    ],
    [
      'a revocation with a line break',
      () => revocation({ subject: 'svid:00\n' }),
      bad(revocations, 'revocation-subject'),
    ],
    [
      'a revocation that is over before it begins',
      () => revocation({ expiresAtMs: 1 }),
      bad(revocations, 'revocation-expired'),
    ],
    [
      'records of a limit that is no number',
      () => get(`${PATHS.admin.records}?limit=x`),
      bad('audit GET /v1/admin/audit/records', 'limit'),
    ],
    [
      'records after a cursor that no page named',
      () => get(`${PATHS.admin.records}?after=1/${'x'.repeat(513)}`),
      bad('audit GET /v1/admin/audit/records', 'cursor'),
    ],
    [
      'a record that is not there',
      () => get(PATHS.admin.record('x')),
      { ...bad('audit GET /v1/admin/audit/records/:id', 'record-unknown'), status: 404, code: 'not-found' },
    ],
    [
      'a trail from before its beginning',
      () => get(`${PATHS.admin.trail}?after=-1`),
      bad('audit GET /v1/admin/audit/trail', 'trail-position'),
    ],
  ];
  test.each(rows)('%s', async (_, call, { caller, ...expected }) => {
    await expectRefused(world, call(), { ...expected, ...(caller !== undefined && { caller }) });
  });

  test('the same entry twice: it would be a second identity by accident', async () => {
    await enterWorkload(world, agent, '/twice');
    const before = await world.records('entry-created');
    const again = await entry({ spiffeId: 'spiffe://demo.test/twice', selectors: ['unix:uid:1000'] })();
    expect(again.status).toBe(409);
    expect(await world.recordOf('refusal', ({ reason }) => reason === 'entry-exists')).toMatchObject({ door: entries });
    expect(await world.records('entry-created')).toEqual(before);
  });
});

test('each change is recorded by name before it takes effect, and again when it has', async () => {
  const id = await enterWorkload(world, agent, '/recorded');
  await world.admin('DELETE', PATHS.admin.entry(id));
  await world.admin('POST', PATHS.admin.joinTokens, { agentName: 'recorded' });
  await world.admin('POST', PATHS.admin.revocations, { subject: 'svid:01', reason: 'lost' });
  const by = 'local-administrator';
  const actions = (await world.records('administrator-action')).filter(({ subject }) => subject.endsWith('/recorded'));
  expect(actions.toReversed().map(({ action, ...it }) => [action, it.by])).toEqual([
    ['entry-create', by],
    ['entry-delete', by],
    ['join-token-create', by],
  ]);
  for (const kind of ['entry-created', 'entry-deleted'] as const)
    expect((await world.records(kind))[0]).toMatchObject({
      kind,
      entryId: id,
      by,
      spiffeId: 'spiffe://demo.test/recorded',
    });
  expect((await world.records('revocation'))[0]).toMatchObject({ subject: 'svid:01', reason: 'lost', by });
});

test('what each role may do is this, and nothing else', () => {
  const roles: Role[] = [
    'reader',
    'auditor',
    'service-team',
    'operator',
    'authority-operator',
    'security-administrator',
  ];
  const permissions: Permission[] = [
    'status:read',
    'entries:read',
    'entries:write',
    'join-tokens:create',
    'attestors:read',
    'attestors:write',
    'releases:read',
    'releases:publish',
    'records:read',
    'trail:export',
    'access:revoke',
    'revocations:read',
    'federations:read',
    'federations:write',
    'authority:operate',
    'acme-keys:read',
    'acme-keys:write',
  ];
  const matrix = roles.map(
    (role) => `${role}: ${permissions.filter((it) => isGranted({ name: 'x', roles: [role] }, it)).join(' ')}`,
  );
  expect(matrix).toEqual([
    'reader: status:read entries:read attestors:read releases:read revocations:read federations:read acme-keys:read',
    'auditor: status:read entries:read attestors:read releases:read records:read trail:export revocations:read federations:read acme-keys:read',
    'service-team: entries:read entries:write access:revoke',
    'operator: status:read entries:read entries:write join-tokens:create attestors:read releases:read access:revoke revocations:read federations:read acme-keys:read acme-keys:write',
    'authority-operator: status:read entries:read attestors:read attestors:write revocations:read federations:read federations:write authority:operate acme-keys:read',
    'security-administrator: status:read entries:read entries:write join-tokens:create attestors:read attestors:write releases:read releases:publish records:read trail:export access:revoke revocations:read federations:read federations:write authority:operate acme-keys:read acme-keys:write',
  ]);
  expect(permissions.filter((it) => isGranted({ name: 'x', roles: [] }, it))).toEqual([]);
});
