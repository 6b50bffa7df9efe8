/** Tokens of OpenID providers, right and wrong; signed by jose, in the claim layouts that the providers document. */
import { createHmac, sign as signBytes } from 'node:crypto';
import * as jose from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { attest } from './attest.ts';
import type { AttestorInstance } from './attestor_instance.ts';
import {
  type AttestWorld,
  AUDIENCE,
  createAttestWorld,
  createIssuerKey,
  evidenceOf,
  THUMBPRINT,
} from './testing/attest_world.ts';

const GITHUB = 'https://token.actions.githubusercontent.com';
const key = createIssuerKey('key-1');
const rsa = createIssuerKey('rsa-1', 'RS256');
const other = createIssuerKey('key-1');

const SETTINGS = {
  kind: 'oidc',
  issuer: GITHUB,
  required: { repository_owner_id: ['65'] },
  claims: { repository: 'repository', ref: 'ref', workflow: 'workflow', environment: 'environment' },
};

let world: AttestWorld;
let nowSeconds: number;
let ci: AttestorInstance;

beforeEach(() => {
  world = createAttestWorld();
  nowSeconds = Math.floor(world.clock.nowMs() / 1000);
  world.issuers.set(GITHUB, [key.jwk, rsa.jwk]);
  ci = world.instance(SETTINGS);
});

/** GitHub: "About security hardening with OpenID Connect", the example token. */
const job = (): jose.JWTPayload => ({
  jti: 'example-id',
  sub: 'repo:octo-org/octo-repo:environment:prod',
  environment: 'prod',
  aud: AUDIENCE,
  ref: 'refs/heads/main',
  sha: 'example-sha',
  repository: 'octo-org/octo-repo',
  repository_owner: 'octo-org',
  actor_id: '12',
  repository_visibility: 'private',
  repository_id: '74',
  repository_owner_id: '65',
  run_id: 'example-run-id',
  runner_environment: 'github-hosted',
  actor: 'octocat',
  workflow: 'Build and 100% test',
  head_ref: '',
  base_ref: '',
  event_name: 'workflow_dispatch',
  ref_type: 'branch',
  job_workflow_ref: 'octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main',
  iss: GITHUB,
  nbf: nowSeconds - 5,
  exp: nowSeconds + 900,
  iat: nowSeconds - 5,
});

const sign = (
  claims: jose.JWTPayload,
  header: Partial<jose.JWTHeaderParameters> = {},
  by = key.privateKey,
): Promise<string> => new jose.SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'key-1', ...header }).sign(by);

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('a CI job is its repository, its ref and its environment, by verified claims alone', async () => {
  expect(await world.show(ci, { proof: await sign(job(), { typ: 'JWT', x5t: 'abc' }) })).toEqual([
    'oidc:environment:prod',
    'oidc:ref:refs/heads/main',
    'oidc:repository:octo-org/octo-repo',
    'oidc:workflow:Build%20and%20100%25%20test',
  ]);
});

test('a token is shown once, also with its signature spelled in another way', async () => {
  const proof = await sign(job());
  expect(await world.show(ci, { proof })).toContain('oidc:environment:prod');
  expect(await world.show(ci, { proof })).toBe('proof-replayed');
  // ECDSA: (r, n - s) verifies as well.
  const [header, payload, signature = ''] = proof.split('.');
  const raw = Buffer.from(signature, 'base64url');
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = order - BigInt(`0x${raw.subarray(32).toString('hex')}`);
  const again = Buffer.concat([raw.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
  expect(await world.show(ci, { proof: `${header}.${payload}.${again.toString('base64url')}` })).toBe('proof-replayed');
});

test('a token that was shown to one attestor is spent at every other, however old it may be there', async () => {
  const patient = world.instance({ ...SETTINGS, name: 'patient', maxAgeSeconds: 86_400 });
  const hasty = world.instance({ ...SETTINGS, name: 'hasty', maxAgeSeconds: 60 });
  const proof = await sign({ ...job(), exp: nowSeconds + 7200 });
  expect(await world.show(hasty, { proof })).toContain('oidc:environment:prod');
  expect(await world.show(patient, { proof })).toBe('proof-replayed');
  world.clock.advanceMs(3600_000);
  expect(await world.show(patient, { proof })).toBe('proof-replayed');
});

test('of many who show one token at once, one is let in', async () => {
  const proof = await sign(job());
  const shown = await Promise.all(Array.from({ length: 20 }, () => world.show(ci, { proof })));
  expect(shown.filter((it) => it !== 'proof-replayed')).toHaveLength(1);
});

test('what is needed next is fetched before a proof is spent: an outage costs nobody a token', async () => {
  const proof = await sign(job());
  const down = () => Promise.reject(new Error('the signing key is away'));
  await expect(attest(ci, evidenceOf({ proof }), world.ports, down)).rejects.toThrow();
  expect(await world.show(ci, { proof })).toContain('oidc:environment:prod');
});

describe('no identity comes from', () => {
  const rows: [what: string, reason: string, make: () => Promise<string | undefined> | string | undefined][] = [
    ['no token', 'proof-missing', () => undefined],
    ['an empty one', 'proof-missing', () => ''],
    ['a text', 'token-malformed', () => 'x'],
    ['a token of five parts', 'token-malformed', () => 'a.b.c.d.e'],
    ['an oversized one', 'token-too-large', async () => sign({ ...job(), padding: 'x'.repeat(17_000) })],
    ['a token without signature', 'token-algorithm', () => `${encode({ alg: 'none' })}.${encode(job())}.`],
    [
      'one whose algorithm is not on the list',
      'token-algorithm',
      async () => sign(job(), { alg: 'ES384', kid: 'key-1' }, createIssuerKey('x', 'ES384').privateKey),
    ],
    ['a MAC with the public key', 'token-algorithm', () => maced()],
    ['the right kid with another key', 'token-signature', async () => sign(job(), {}, other.privateKey)],
    ['a key of another type than the algorithm', 'token-key-unknown', () => crossed()],
    ['an unknown kid', 'token-key-unknown', async () => sign(job(), { kid: 'key-2' })],
    ['a kid that is a path', 'token-key-unknown', async () => sign(job(), { kid: '../../../../dev/null' })],
    ['a kid that is a statement', 'token-key-unknown', async () => sign(job(), { kid: "x' UNION SELECT 'key" })],
    ['a kid that is a member of every object', 'token-key-unknown', async () => sign(job(), { kid: '__proto__' })],
    ['a kid that is no text', 'token-malformed', () => raw({ alg: 'ES256', kid: 1 }, job())],
    ['a key that it brings along', 'token-header', async () => sign(job(), { jwk: other.jwk }, other.privateKey)],
    ['a key that it points to', 'token-header', async () => sign(job(), { jku: 'http://127.0.0.1:1/keys' })],
    ['a certificate that it points to', 'token-header', async () => sign(job(), { x5u: 'http://127.0.0.1:1/' })],
    ['a certificate that it brings along', 'token-header', async () => sign(job(), { x5c: ['MIIB'] })],
    ['critical members', 'token-header', () => raw({ alg: 'ES256', kid: 'key-1', crit: ['exp'] }, job())],
    ['a request proof', 'token-header', async () => sign(job(), { typ: 'postern-proof+jws' })],
    ['a logout token', 'token-header', async () => sign(job(), { typ: 'logout+jwt' })],
    ['another issuer', 'token-issuer', async () => sign({ ...job(), iss: 'https://gitlab.com' })],
    ['the issuer with something after it', 'token-issuer', async () => sign({ ...job(), iss: `${GITHUB}/` })],
    ['a list of issuers', 'token-issuer', async () => sign({ ...job(), iss: [GITHUB] as never })],
    ['a token for another deployment', 'token-audience', async () => sign({ ...job(), aud: 'https://other.test' })],
    ['a token for us and another', 'token-audience', async () => sign({ ...job(), aud: [AUDIENCE, 'https://b.test'] })],
    ['a token for nobody', 'token-audience', async () => sign({ ...job(), aud: [] })],
    ['an expired token', 'token-expired', async () => sign({ ...job(), exp: nowSeconds - 61 })],
    ['a token without end', 'token-claims', async () => sign(without('exp'))],
    ['a token that ends in text', 'token-claims', async () => sign({ ...job(), exp: '2099' as never })],
    ['a token that ends beyond all time', 'token-claims', () => raw(HEADER, { ...job(), exp: 1e300 })],
    ['a token without beginning', 'token-claims', async () => sign(without('iat'))],
    [
      'a token of ten minutes from now',
      'token-not-yet-valid',
      async () => sign({ ...job(), iat: nowSeconds + 600, nbf: nowSeconds + 600 }),
    ],
    ['a token that is not yet valid', 'token-not-yet-valid', async () => sign({ ...job(), nbf: nowSeconds + 61 })],
    [
      'a token of yesterday that ends tomorrow',
      'token-too-old',
      async () => sign({ ...job(), iat: nowSeconds - 86_400, nbf: nowSeconds - 86_400, exp: nowSeconds + 86_400 }),
    ],
    ['a job of another owner', 'token-claims', async () => sign({ ...job(), repository_owner_id: '66' })],
    ['a job whose owner is a list', 'token-claims', async () => sign({ ...job(), repository_owner_id: ['65'] })],
    ['a job without owner', 'token-claims', async () => sign(without('repository_owner_id'))],
    ['a JWT-SVID of our own', 'token-own', async () => sign({ ...job(), sub: 'spiffe://demo.test/payments' })],
    ['a token that we issued', 'token-own', async () => sign({ ...job(), iss: AUDIENCE })],
    ['a claim that is an object', 'claim-malformed', async () => sign({ ...job(), ref: { a: 1 } })],
    ['a claim with a newline', 'claim-malformed', async () => sign({ ...job(), ref: 'main\noidc:environment:prod' })],
    ['a claim longer than a name', 'claim-malformed', async () => sign({ ...job(), ref: 'x'.repeat(257) })],
    ['members named twice', 'token-malformed', () => doubled()],
    ['header members named twice', 'token-malformed', () => doubledHeader()],
    ['claims that are no object', 'token-malformed', () => raw(HEADER, ['x'])],
    [
      'claims that are not UTF-8',
      'token-malformed',
      () => `${encode(HEADER)}.${Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url')}.AA`,
    ],
  ];
  const HEADER = { alg: 'ES256', kid: 'key-1' };
  const without = (claim: string) => Object.fromEntries(Object.entries(job()).filter(([name]) => name !== claim));

  /** Signed by the provider's own key, whatever the header and the claims. */
  function raw(header: object, claims: unknown): string {
    return signText(JSON.stringify(header), JSON.stringify(claims));
  }
  function signText(header: string, claims: string): string {
    const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(claims).toString('base64url')}`;
    const signature = signBytes('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  }
  function maced(): string {
    const input = `${encode({ alg: 'HS256', kid: 'rsa-1' })}.${encode(job())}`;
    const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' });
    return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
  }
  const crossed = () => raw({ alg: 'RS256', kid: 'key-1' }, job());
  const doubled = () =>
    signText(JSON.stringify(HEADER), JSON.stringify(job()).replace('{', '{"repository_owner_id":"65",'));
  const doubledHeader = () => signText('{"alg":"none","alg":"ES256","kid":"key-1"}', JSON.stringify(job()));

  test.each(rows)('%s', async (_, reason, make) => {
    expect(await world.show(ci, { proof: await make() })).toBe(reason);
  });
});

describe('keys', () => {
  test('are asked for where settings say, and never where a token does', async () => {
    await world.show(ci, {
      proof: await sign({ ...job(), iss: 'https://evil.test' }, { jku: 'https://evil.test/keys' }),
    });
    await world.show(ci, { proof: await sign({ ...job(), iss: 'https://evil.test' }) });
    expect(world.asked).toEqual([]);
    await world.show(ci, { proof: await sign(job()) });
    expect(world.asked).toEqual([GITHUB]);
  });

  test('that an issuer changed are found at once, and unknown ones do not make us ask again and again', async () => {
    expect(await world.show(ci, { proof: await sign(job()) })).toContain('oidc:environment:prod');
    world.clock.advanceMs(31_000);
    const next = createIssuerKey('key-9');
    world.issuers.set(GITHUB, [next.jwk]);
    const proof = await sign(job(), { kid: 'key-9' }, next.privateKey);
    expect(await world.show(ci, { proof })).toContain('oidc:environment:prod');
    expect(world.asked).toHaveLength(2);
    for (let index = 0; index < 100; index++)
      expect(await world.show(ci, { proof: await sign(job(), { kid: `guess-${index}` }) })).toBe('token-key-unknown');
    expect(world.asked).toHaveLength(2);
  });

  test('that an issuer withdrew verify nothing after five minutes', async () => {
    expect(await world.show(ci, { proof: await sign(job()) })).toContain('oidc:environment:prod');
    world.issuers.set(GITHUB, [rsa.jwk]);
    world.clock.advanceMs(5 * 60_000);
    expect(await world.show(ci, { proof: await sign({ ...job(), jti: 'later' }) })).toBe('token-key-unknown');
  });

  test('last an hour while their issuer does not answer, and then no token is good', async () => {
    expect(await world.show(ci, { proof: await sign(job()) })).toContain('oidc:environment:prod');
    world.issuers.delete(GITHUB);
    world.clock.advanceMs(59 * 60_000);
    nowSeconds += 59 * 60;
    expect(await world.show(ci, { proof: await sign(job()) })).toContain('oidc:environment:prod');
    world.clock.advanceMs(60_000);
    nowSeconds += 60;
    expect(await world.show(ci, { proof: await sign(job()) })).toBe('attestor-unavailable');
  });

  test('of an issuer that never answered are away, and it is asked twice a minute at most', async () => {
    world.issuers.clear();
    for (let index = 0; index < 10; index++)
      expect(await world.show(ci, { proof: await sign(job()) })).toBe('attestor-unavailable');
    expect(world.asked).toHaveLength(1);
  });
});

describe('a token for one key', () => {
  const bound = () =>
    world.instance({
      kind: 'oidc',
      issuer: GITHUB,
      bindsKey: true,
      required: { repository_owner_id: ['65'] },
      claims: { ref: 'ref' },
    });

  test('is good with that key', async () => {
    const proof = await sign({ ...job(), aud: `${AUDIENCE}#${THUMBPRINT}` });
    expect(await world.show(bound(), { proof })).toEqual(['oidc:ref:refs/heads/main']);
  });

  test('is worth nothing to whoever took it, and one for any key is not taken', async () => {
    const proof = await sign({ ...job(), aud: `${AUDIENCE}#${THUMBPRINT}` });
    expect(await world.show(bound(), { proof, keyThumbprint: 'another' })).toBe('token-audience');
    expect(await world.show(bound(), { proof: await sign(job()) })).toBe('token-audience');
  });
});

describe('the claims of other providers', () => {
  const show = async (settings: object, claims: jose.JWTPayload, alg: 'ES256' | 'RS256' = 'RS256') => {
    const instance = world.instance({ kind: 'oidc', ...settings });
    world.issuers.set((settings as { issuer: string }).issuer, [key.jwk, rsa.jwk]);
    const times = { iat: nowSeconds, exp: nowSeconds + 300, aud: AUDIENCE };
    const by = alg === 'RS256' ? rsa : key;
    const header = { alg, kid: by.jwk['kid'] as string, typ: 'JWT' };
    return world.show(instance, { proof: await sign({ ...times, ...claims }, header, by.privateKey) });
  };

  test('GitLab: project and branch of a job', async () => {
    const issuer = 'https://gitlab.com';
    const settings = {
      issuer,
      required: { namespace_id: ['72'], ref_protected: ['true'] },
      claims: { project: 'project_path', ref: 'ref', environment: 'environment' },
    };
    const claims = {
      iss: issuer,
      sub: 'project_path:my-group/my-project:ref_type:branch:ref:main',
      namespace_id: '72',
      namespace_path: 'my-group',
      project_id: '20',
      project_path: 'my-group/my-project',
      user_id: '1',
      pipeline_id: '574',
      job_id: '302',
      ref: 'main',
      ref_type: 'branch',
      ref_protected: 'true',
      environment: 'production',
    };
    expect(await show(settings, claims)).toEqual([
      'oidc:environment:production',
      'oidc:project:my-group/my-project',
      'oidc:ref:main',
    ]);
    expect(await show(settings, { ...claims, ref_protected: 'false' })).toBe('token-claims');
  });

  test('Google: an instance, by a claim inside of another', async () => {
    const issuer = 'https://accounts.google.com';
    const settings = {
      issuer,
      required: { '/google/compute_engine/project_id': ['my-project'] },
      claims: { instance: '/google/compute_engine/instance_id', zone: '/google/compute_engine/zone' },
    };
    const compute = {
      project_id: 'my-project',
      project_number: 739419398126,
      zone: 'us-west1-a',
      instance_id: '152986662232938449',
      instance_name: 'example',
      instance_creation_timestamp: 1556656596,
    };
    const claims = { iss: issuer, azp: '1', sub: '1', google: { compute_engine: compute } };
    expect(await show(settings, claims)).toEqual(['oidc:instance:152986662232938449', 'oidc:zone:us-west1-a']);
    expect(await show(settings, { iss: issuer, sub: '1' })).toBe('token-claims');
  });

  test('Azure: a managed identity', async () => {
    const issuer = 'https://login.microsoftonline.com/72f988bf-0000-0000-0000-2d7cd011db47/v2.0';
    const settings = { issuer, required: { tid: ['72f988bf-0000-0000-0000-2d7cd011db47'] }, claims: { object: 'oid' } };
    const claims = {
      iss: issuer,
      tid: '72f988bf-0000-0000-0000-2d7cd011db47',
      oid: '11111111-aaaa',
      sub: '11111111-aaaa',
      ver: '2.0',
    };
    expect(await show(settings, claims)).toEqual(['oidc:object:11111111-aaaa']);
    expect(await show(settings, { ...claims, tid: 'another' })).toBe('token-claims');
  });
});
