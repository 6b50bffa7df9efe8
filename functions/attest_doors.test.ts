import { mkdirSync, writeFileSync } from 'node:fs';
import { join as pathOf } from 'node:path';
import { type AttestedSvidsAnswer, PATHS } from '@postern/api';
import { createCsr } from '@postern/ca';
import { type ApiServer, missingOpenSsl, startApiServer } from '@postern/identity/testing';
import { createManualClock } from '@postern/store/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csrOf, join, newKey } from './testing/agents.ts';
import { expectRefused, problemOf } from './testing/answers.ts';
import {
  createAttestor,
  createAttestorToken,
  enterAttested,
  issueAttested,
  issuedOf,
  renewAttested,
  showProof,
} from './testing/attested.ts';
import { type OidcProvider, startOidcProvider } from './testing/oidc_provider.ts';
import { startWorld, type World } from './testing/world.ts';

const DOOR = 'issue POST /v1/svids/attested';
let world: World;
let provider: OidcProvider;

beforeAll(async () => {
  // The provider's tokens are of this very moment.
  [world, provider] = await Promise.all([startWorld({ clock: createManualClock(Date.now()) }), startOidcProvider()]);
  const claims = { job: 'sub' };
  await createAttestor(world, {
    name: 'ci',
    kind: 'oidc',
    issuer: provider.issuer,
    required: { client_id: ['build-7'] },
    claims,
  });
  await createAttestor(world, { name: 'bare', kind: 'join-token', isRenewable: true });
  await createAttestor(world, { name: 'nodes', kind: 'join-token', makes: 'agent', agentName: 'rack-1.{join:name}' });
  await createAttestor(world, { name: 'renewal', kind: 'x509-svid', renews: ['bare'] });
  await enterAttested(world, 'ci', '/ci/build', ['oidc:job:build-7']);
  await enterAttested(world, 'bare', '/bare/{join:name}', ['join:name:press-1']);
});
afterAll(async () => {
  provider.stop();
  await world.remove();
});

const token = () => provider.tokenFor(world.url);
const pressToken = () => createAttestorToken(world, 'bare', 'press-1');
const issuePress = async () => issueAttested(world, { attestor: 'bare', proof: await pressToken() });
const refused = (reason: string, status = 401, code = 'not-authenticated') =>
  ({ door: DOOR, reason, status, code }) as never;

describe('a CI job', () => {
  test('gets the identity that its entry says, for the token of its provider', async () => {
    const { spiffeId, chain, answer } = await issueAttested(world, { attestor: 'ci', proof: await token() });
    expect(spiffeId).toBe('spiffe://demo.test/ci/build');
    expect(chain.length).toBeGreaterThan(1);
    expect(JSON.parse(answer.trustBundle)).toMatchObject({ keys: expect.any(Array) });
    expect(answer.refused).toEqual([]);
    const record = await world.recordOf('issuance-complete', (it) => it.spiffeId === spiffeId);
    expect(record).toMatchObject({
      selectors: ['oidc:job:build-7'],
      requester: expect.stringMatching(/^attestor:ci#/),
    });
  });

  test('gets a JWT-SVID for the services that it names as well', async () => {
    const { answer } = await issueAttested(world, {
      attestor: 'ci',
      proof: await token(),
      jwtAudience: ['https://s.test'],
    });
    const [jwt] = answer.jwtSvids ?? [];
    expect(jwt).toMatchObject({ spiffeId: 'spiffe://demo.test/ci/build', audience: ['https://s.test'] });
    const [, payload = ''] = (jwt?.token ?? '').split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      sub: 'spiffe://demo.test/ci/build',
    });
  });

  test('cannot make another identity of the JWT-SVID that it got', async () => {
    const { answer } = await issueAttested(world, { attestor: 'ci', proof: await token(), jwtAudience: [world.url] });
    const proof = answer.jwtSvids?.[0]?.token as string;
    await expectRefused(
      world,
      () => showProof(world, { attestor: 'ci', proof, csr: csrOf(newKey()) }),
      refused('token-own'),
    );
  });

  test('gets nothing for a token that was shown before', async () => {
    const proof = await token();
    await issueAttested(world, { attestor: 'ci', proof });
    await expectRefused(
      world,
      () => showProof(world, { attestor: 'ci', proof, csr: csrOf(newKey()) }),
      refused('proof-replayed'),
    );
  });

  test('gets nothing for a token for another deployment', async () => {
    const proof = await provider.tokenFor('https://other.test');
    await expectRefused(
      world,
      () => showProof(world, { attestor: 'ci', proof, csr: csrOf(newKey()) }),
      refused('token-audience'),
    );
  });

  test('learns what was verified of it when no entry is matched, so that somebody can enter it', async () => {
    const body = { attestor: 'ci', proof: await token(), csr: csrOf(newKey()), spiffeId: 'spiffe://demo.test/admin' };
    const problem = await expectRefused(
      world,
      () => showProof(world, body),
      refused('entry-none', 403, 'not-permitted'),
    );
    expect(problem).toMatchObject({ attestor: 'ci', selectors: ['oidc:job:build-7'] });
  });

  test('of several identities gets all that its request may have, and is told of the others', async () => {
    const other = await enterAttested(world, 'ci', '/ci/deploy', ['oidc:job:build-7']);
    const both = await issueAttested(world, { attestor: 'ci', proof: await token() });
    expect(both.answer.svids.map(({ spiffeId }) => spiffeId).sort()).toEqual([
      'spiffe://demo.test/ci/build',
      'spiffe://demo.test/ci/deploy',
    ]);
    const named = createCsr(newKey(), { spiffeId: 'spiffe://demo.test/ci/build' });
    const body = { attestor: 'ci', proof: await token(), csr: Buffer.from(named).toString('base64') };
    const answer = (await (await showProof(world, body)).json()) as AttestedSvidsAnswer;
    expect(answer.svids).toMatchObject([{ spiffeId: 'spiffe://demo.test/ci/build' }]);
    expect(answer.refused).toEqual([{ entryId: other, reason: 'csr-san-not-entitled' }]);
    const wished = { ...body, proof: await token(), spiffeId: 'spiffe://demo.test/ci/deploy' };
    await expectRefused(
      world,
      () => showProof(world, wished),
      refused('csr-san-not-entitled', 400, 'malformed-request'),
    );
    await world.admin('DELETE', PATHS.admin.entry(other));
  });

  test('keeps its token when it sends a request that cannot be signed', async () => {
    const proof = await token();
    const expected = refused('csr-malformed', 400, 'malformed-request');
    await expectRefused(world, () => showProof(world, { attestor: 'ci', proof, csr: 'AAAA' }), expected);
    await issueAttested(world, { attestor: 'ci', proof });
  });

  test('keeps its token while the store is away, and nothing is signed', async () => {
    const proof = await token();
    const before = await world.records('issuance-begin');
    world.faults.table = ({ operation }) => operation === 'put';
    const response = await showProof(world, { attestor: 'ci', proof, csr: csrOf(newKey()) });
    delete world.faults.table;
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect(await world.records('issuance-begin')).toEqual(before);
    await issueAttested(world, { attestor: 'ci', proof });
  });
});

describe('nothing is done for', () => {
  const csr = csrOf(newKey());
  const rows: [what: string, body: () => object | Promise<object>, reason: string, status: number, code: string][] = [
    ['no request', () => ({}), 'member-malformed', 400, 'malformed-request'],
    ['a misspelt member', () => ({ attestor: 'ci', csr, prof: 'x' }), 'member-unknown', 400, 'malformed-request'],
    [
      'a proof that is a list',
      () => ({ attestor: 'ci', csr, proof: ['x'] }),
      'member-malformed',
      400,
      'malformed-request',
    ],
    [
      'an oversized proof',
      () => ({ attestor: 'ci', csr, proof: 'x'.repeat(16_385) }),
      'member-malformed',
      400,
      'malformed-request',
    ],
    [
      'an attestor that is not there',
      () => ({ attestor: 'nobody', csr, proof: 'x' }),
      'attestor-unknown',
      401,
      'not-authenticated',
    ],
    [
      'an attestor that is a path',
      () => ({ attestor: '../ci', csr, proof: 'x' }),
      'attestor-unknown',
      401,
      'not-authenticated',
    ],
    [
      'a proof for another kind',
      async () => ({ attestor: 'bare', csr, proof: await token() }),
      'join-token-unknown',
      401,
      'not-authenticated',
    ],
    [
      'a node',
      async () => ({ attestor: 'nodes', csr, proof: await createAttestorToken(world, 'nodes', 'a') }),
      'attestor-purpose',
      401,
      'not-authenticated',
    ],
    [
      'a token of another instance',
      async () => ({ attestor: 'bare', csr, proof: await createAttestorToken(world, 'nodes', 'press-1') }),
      'join-token-purpose',
      401,
      'not-authenticated',
    ],
    ['no proof', () => ({ attestor: 'ci', csr }), 'proof-missing', 401, 'not-authenticated'],
    ['a renewal without SVID', () => ({ attestor: 'renewal', csr }), 'proof-missing', 401, 'not-authenticated'],
  ];
  test.each(rows)('%s', async (_, make, reason, status, code) => {
    const body = await make();
    await expectRefused(world, () => showProof(world, body), refused(reason, status, code));
  });

  test('a body larger than any request', async () => {
    const body = { attestor: 'ci', csr, proof: 'x'.repeat(64 * 1024) };
    await expectRefused(world, () => showProof(world, body), refused('body-too-large', 413, 'too-large'));
  });

  test('a proof that is refused has cost one read, no write, and no signature', async () => {
    const calls: string[] = [];
    world.faults.table = ({ operation, pks }) => {
      calls.push(`${operation} ${pks.join()}`);
      return false;
    };
    const response = await showProof(world, { attestor: 'ci', csr, proof: 'a.b.c' });
    delete world.faults.table;
    expect(response.status).toBe(401);
    expect(calls.filter((call) => !/trail|record-/.test(call))).toEqual(['get attestor']);
  });

  test('an instance that somebody wrote into the table', async () => {
    const body = JSON.stringify({ name: 'forged', kind: 'join-token', makes: 'workload', createdAtMs: 0 });
    await world.table.put({ pk: 'attestor', sk: 'forged', attributes: { body, mac: new Uint8Array(32) } });
    const shown = () => showProof(world, { attestor: 'forged', csr, proof: 'x' });
    await expectRefused(world, shown, refused('attestor-unknown'));
    expect(world.logs).toContainEqual(expect.objectContaining({ event: 'entry-forged', pk: 'attestor', sk: 'forged' }));
  });

  test('a caller whom no platform authenticated, where the platform would', async () => {
    const headers = { 'x-amzn-iam-user-arn': 'arn:aws:iam::123456789012:role/a', authorization: 'AWS4-HMAC-SHA256 x' };
    const response = await world.admin('POST', PATHS.svidsAwsIam, { attestor: 'ci', csr }, headers);
    expect(await problemOf(response)).toMatchObject({ code: 'not-found', detail: expect.stringContaining('AWS IAM') });
  });
});

describe('a bare machine', () => {
  test('is the name that its token was made for, once', async () => {
    const proof = await pressToken();
    const { spiffeId } = await issueAttested(world, { attestor: 'bare', proof });
    expect(spiffeId).toBe('spiffe://demo.test/bare/press-1');
    await expectRefused(
      world,
      () => showProof(world, { attestor: 'bare', proof, csr: csrOf(newKey()) }),
      refused('join-token-used'),
    );
  });

  test('that shows its token twice at once is let in once', async () => {
    const proof = await pressToken();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => showProof(world, { attestor: 'bare', proof, csr: csrOf(newKey()) })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 7 }, () => 401)]);
  });

  test('becomes no agent by a token for a workload', async () => {
    const proof = await pressToken();
    const expected = {
      door: 'issue POST /v1/agents/join',
      reason: 'join-token-purpose',
      status: 401,
      code: 'not-authenticated',
    } as const;
    await expectRefused(world, () => join(world, { token: proof, csr: csrOf(newKey()) }), expected);
    await expectRefused(world, () => join(world, { attestor: 'bare', proof, csr: csrOf(newKey()) }), {
      ...expected,
      reason: 'attestor-purpose',
    });
  });
});

describe('a node', () => {
  test('is an agent by its proof, named by what was verified', async () => {
    const proof = await createAttestorToken(world, 'nodes', 'slot-4');
    const answer = await join(world, { attestor: 'nodes', proof, csr: csrOf(newKey()) });
    expect(answer.status).toBe(201);
    const { spiffeId } = (await answer.json()) as { spiffeId: string };
    expect(spiffeId).toBe('spiffe://demo.test/postern/agent/rack-1.slot-4');
    expect(await world.recordOf('join', ({ agentId }) => agentId === spiffeId)).toBeDefined();
    const again = () => join(world, { attestor: 'nodes', proof, csr: csrOf(newKey()) });
    await expectRefused(world, again, {
      door: 'issue POST /v1/agents/join',
      reason: 'join-token-used',
      status: 401,
      code: 'not-authenticated',
    });
  });
});

describe('an SVID without an agent', () => {
  const expectNotRenewed = async (call: () => Promise<Response>, reason: string) => {
    const problem = await problemOf(await call());
    expect(problem).toMatchObject({ code: 'not-permitted' });
    expect(await world.recordOf('refusal', (it) => it.door === DOOR && it.reason === reason)).toBeDefined();
  };

  test('is renewed by its key, again and again, without another proof', async () => {
    let holder = await issuePress();
    for (let round = 0; round < 3; round++) {
      const key = newKey();
      const next = await issuedOf(await renewAttested(world, holder, 'renewal', key), key);
      expect(next.spiffeId).toBe(holder.spiffeId);
      expect(next.serial).not.toBe(holder.serial);
      holder = next;
    }
  });

  test('of a lineage renews as its newest alone: an older one locks it, and somebody is told', async () => {
    const first = await issuePress();
    const key = newKey();
    const second = await issuedOf(await renewAttested(world, first, 'renewal', key), key);
    const third = newKey();
    const newest = await issuedOf(await renewAttested(world, second, 'renewal', third), third);
    await expectNotRenewed(() => renewAttested(world, first, 'renewal'), 'serial-superseded');
    expect(
      await world.recordOf(
        'administrator-action',
        (it) => it.action === 'lineage-locked' && it.subject.includes(first.serial),
      ),
    ).toBeDefined();
    await expectNotRenewed(() => renewAttested(world, newest, 'renewal'), 'lineage-locked');
  });

  test('of another holder of the same identity is a lineage of its own', async () => {
    const [one, two] = [await issuePress(), await issuePress()];
    for (const holder of [one, two]) expect((await renewAttested(world, holder, 'renewal')).status).toBe(201);
  });

  test('is renewed by nobody who has only its certificate', async () => {
    const holder = await issuePress();
    const thief = { ...holder, privateKey: newKey() };
    await expectRefused(world, () => renewAttested(world, thief, 'renewal'), refused('proof-signature'));
  });

  test('that was not made to be renewed is not', async () => {
    const holder = await issueAttested(world, { attestor: 'ci', proof: await token() });
    await expectNotRenewed(() => renewAttested(world, holder, 'renewal'), 'svid-not-renewable');
  });

  test('that was revoked is not renewed', async () => {
    const holder = await issuePress();
    await world.admin('POST', PATHS.admin.revocations, { subject: `svid:${holder.serial}`, reason: 'lost' });
    await expectRefused(world, () => renewAttested(world, holder, 'renewal'), refused('svid-revoked'));
  });

  test('is not renewed once its entry is gone, or its attestor', async () => {
    const entry = await enterAttested(world, 'bare', '/bare/gone', ['join:name:gone']);
    const holder = await issueAttested(world, {
      attestor: 'bare',
      proof: await createAttestorToken(world, 'bare', 'gone'),
    });
    await world.admin('DELETE', PATHS.admin.entry(entry));
    await expectNotRenewed(() => renewAttested(world, holder, 'renewal'), 'entry-none');
    await createAttestor(world, { name: 'short', kind: 'join-token', isRenewable: true });
    await createAttestor(world, { name: 'short-renewal', kind: 'x509-svid', renews: ['short'] });
    await enterAttested(world, 'short', '/short', ['join:name:a']);
    const other = await issueAttested(world, {
      attestor: 'short',
      proof: await createAttestorToken(world, 'short', 'a'),
    });
    await world.admin('DELETE', PATHS.admin.attestor('short'));
    await expectNotRenewed(() => renewAttested(world, other, 'short-renewal'), 'svid-not-renewable');
  });

  test('shows its attestation for a day, and then its platform must speak again', async () => {
    let holder = await issuePress();
    for (let hours = 3; hours < 24; hours += 3) {
      world.clock.advanceMs(3 * 3_600_000);
      const key = newKey();
      holder = await issuedOf(await renewAttested(world, holder, 'renewal', key), key);
    }
    world.clock.advanceMs(3 * 3_600_000);
    await expectNotRenewed(() => renewAttested(world, holder, 'renewal'), 'attestation-too-old');
  });
});

describe.skipIf(missingOpenSsl !== undefined)('a pod', () => {
  let server: ApiServer;
  const AGENT = 'system:serviceaccount:shop:checkout';
  /** Unsigned for us: what it is worth, the API server says. */
  const tokenOf = (nonce: string) => {
    const nowSeconds = Math.floor(world.clock.nowMs() / 1000);
    const account = {
      namespace: 'shop',
      serviceaccount: { name: 'checkout', uid: 'u' },
      node: { name: 'node-a', uid: 'n' },
    };
    const claims = {
      sub: AGENT,
      aud: [world.url],
      iat: nowSeconds,
      exp: nowSeconds + 600,
      jti: nonce,
      'kubernetes.io': account,
    };
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${encode({ alg: 'RS256', kid: 'k' })}.${encode(claims)}.c2lnbmF0dXJl`;
    server.tokens.set(token, { username: AGENT, audiences: [world.url] });
    return token;
  };

  beforeAll(async () => {
    server = await startApiServer();
    const review = { url: server.url, ca: server.ca, tokenSecret: 'cluster-reviewer' };
    await createAttestor(world, { name: 'cluster', kind: 'k8s', review });
    await enterAttested(world, 'cluster', '/cluster/ns/{k8s:ns}/sa/{k8s:sa}', ['k8s:ns:shop']);
  });
  afterAll(() => server.stop());

  test('is nobody while its cluster’s reviewer has no token, and its own stays good', async () => {
    const proof = tokenOf('1');
    const shown = () => showProof(world, { attestor: 'cluster', proof, csr: csrOf(newKey()) });
    expect((await shown()).status).toBe(503);
    mkdirSync(pathOf(world.dir, 'secrets'));
    writeFileSync(pathOf(world.dir, 'secrets', 'cluster-reviewer'), server.reviewerToken, { mode: 0o600 });
    expect((await shown()).status).toBe(201);
  });

  test('is named by its namespace and service account, which nobody but the API server says', async () => {
    const { spiffeId } = await issueAttested(world, { attestor: 'cluster', proof: tokenOf('2') });
    expect(spiffeId).toBe('spiffe://demo.test/cluster/ns/shop/sa/checkout');
  });

  test('that is gone gets nothing', async () => {
    const proof = tokenOf('3');
    server.tokens.clear();
    await expectRefused(
      world,
      () => showProof(world, { attestor: 'cluster', proof, csr: csrOf(newKey()) }),
      refused('token-not-authenticated'),
    );
  });
});

describe('an administrator', () => {
  const post = (body: object) => world.admin('POST', PATHS.admin.attestors, body);

  test('tries an instance without making it', async () => {
    const body = { name: 'dry', kind: 'join-token', makes: 'workload' };
    expect((await post({ ...body, dryRun: true })).status).toBe(200);
    expect((await world.admin('GET', PATHS.admin.attestor('dry'))).status).toBe(404);
  });

  test('makes, reads and deletes instances, by name in the record', async () => {
    expect((await post({ name: 'made', kind: 'join-token', makes: 'workload' })).status).toBe(201);
    expect((await post({ name: 'made', kind: 'join-token', makes: 'workload' })).status).toBe(409);
    const { attestors } = (await (await world.admin('GET', PATHS.admin.attestors)).json()) as {
      attestors: { name: string }[];
    };
    expect(attestors.map(({ name }) => name)).toContain('made');
    expect((await world.admin('DELETE', PATHS.admin.attestor('made'))).status).toBe(200);
    expect((await world.admin('DELETE', PATHS.admin.attestor('made'))).status).toBe(404);
    const actions = (await world.records('administrator-action')).filter(({ subject }) => subject === 'made');
    expect(actions.map(({ action, by }) => [action, by])).toEqual([
      ['attestor-delete', 'local-administrator'],
      ['attestor-create', 'local-administrator'],
    ]);
  });

  test('cannot give an instance the name that says ACME: entries below it would be anybody’s whom it attests', async () => {
    const instance = { name: 'acme', kind: 'join-token', makes: 'workload' };
    const door = 'admin POST /v1/admin/attestors';
    await expectRefused(world, () => post(instance), {
      ...{ door, reason: 'attestor-name-kept', status: 409, code: 'conflict' },
    });
  });

  test.each([
    ['an unknown kind', { kind: 'tpm' }, 'attestor-member'],
    ['a misspelt setting', { kind: 'join-token', isRenewble: true }, 'attestor-member'],
    [
      'an issuer that is ourselves',
      { kind: 'oidc', issuer: 'SELF', required: { a: ['b'] }, claims: { a: 'a' } },
      'attestor-own-issuer',
    ],
    ['a dry run that is a text', { kind: 'join-token', dryRun: 'yes' }, 'member-malformed'],
  ])('is told what is wrong with %s', async (_, settings, reason) => {
    const body = JSON.parse(JSON.stringify({ name: 'x', makes: 'workload', ...settings }).replace('SELF', world.url));
    const door = 'admin POST /v1/admin/attestors';
    const problem = await expectRefused(world, () => post(body), {
      door,
      reason,
      status: 400,
      code: 'malformed-request',
    });
    expect(problem.detail).toBeDefined();
  });

  test('makes no token for an instance that takes none, or for a name that is a path', async () => {
    const tokens = (body: object) => world.admin('POST', PATHS.admin.joinTokens, body);
    expect((await tokens({ attestor: 'ci', name: 'a' })).status).toBe(404);
    for (const name of ['../a', 'a/b', '..', 'a b', 'a%2Fb', ''])
      expect((await tokens({ attestor: 'bare', name })).status).toBe(400);
  });
});
