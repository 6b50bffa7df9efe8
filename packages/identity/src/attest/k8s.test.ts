/** Projected service-account tokens: reviewed by an API server over HTTPS, or vouched for by the cluster's issuer. */
import * as jose from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AttestorInstance } from './attestor_instance.ts';
import { type ApiServer, startApiServer } from './testing/api_server.ts';
import { type AttestWorld, AUDIENCE, createAttestWorld, createIssuerKey } from './testing/attest_world.ts';
import { createCertificate, missingOpenSsl } from './testing/openssl.ts';

const ISSUER = 'https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E';
const key = createIssuerKey('0cb0a1c4', 'RS256');
let world: AttestWorld;
let nowSeconds: number;
beforeEach(() => {
  world = createAttestWorld();
  nowSeconds = Math.floor(world.clock.nowMs() / 1000);
  world.issuers.set(ISSUER, [key.jwk]);
});

const USERNAME = 'system:serviceaccount:shop:checkout';
/** Kubernetes: "Managing Service Accounts", the schema of a bound token. */
const claims = (change: object = {}, inside: object = {}): jose.JWTPayload => ({
  aud: [AUDIENCE],
  exp: nowSeconds + 600,
  iat: nowSeconds - 10,
  iss: ISSUER,
  jti: 'ea28ed49-2e11-4280-9ec5-bc3d1d84661a',
  'kubernetes.io': {
    namespace: 'shop',
    node: { name: '127.0.0.1', uid: '58456cb0-dd00-45ed-b797-5578fdceaced' },
    pod: { name: 'checkout-69cbfb9798-jv9gn', uid: '778a530c-b3f4-47c0-9cd5-ab018fb64f33' },
    serviceaccount: { name: 'checkout', uid: 'a087d5a0-e1dd-43ec-93ac-f13d89cd13af' },
    warnafter: nowSeconds + 3607,
    ...inside,
  },
  nbf: nowSeconds - 10,
  sub: USERNAME,
  ...change,
});
const sign = (payload: jose.JWTPayload, by = key.privateKey): Promise<string> =>
  new jose.SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: '0cb0a1c4' }).sign(by);
const SELECTORS = [
  'k8s:node:127.0.0.1',
  'k8s:node_uid:58456cb0-dd00-45ed-b797-5578fdceaced',
  'k8s:ns:shop',
  'k8s:pod:checkout-69cbfb9798-jv9gn',
  'k8s:pod_uid:778a530c-b3f4-47c0-9cd5-ab018fb64f33',
  'k8s:sa:checkout',
  'k8s:sa_uid:a087d5a0-e1dd-43ec-93ac-f13d89cd13af',
];

describe('without a review', () => {
  let cluster: AttestorInstance;
  beforeEach(() => {
    cluster = world.instance({ kind: 'k8s', issuer: ISSUER, namespaces: ['shop'] });
  });

  test('a pod is its namespace, service account and node, and its token is shown once', async () => {
    const proof = await sign(claims());
    expect(await world.show(cluster, { proof })).toEqual(SELECTORS);
    expect(await world.show(cluster, { proof })).toBe('proof-replayed');
  });

  const rows: [what: string, reason: string, make: () => Promise<string>][] = [
    ['a token for the API server', 'token-audience', () => sign(claims({ aud: ['https://kubernetes.default.svc'] }))],
    [
      'a token for us and the API server',
      'token-audience',
      () => sign(claims({ aud: [AUDIENCE, 'https://kubernetes.default.svc'] })),
    ],
    [
      'a token of a secret, which never ends',
      'token-claims',
      () => sign(Object.fromEntries(Object.entries(claims()).filter(([name]) => name !== 'exp'))),
    ],
    [
      'a token of eleven minutes ago',
      'token-too-old',
      () => sign(claims({ iat: nowSeconds - 661, nbf: nowSeconds - 661 })),
    ],
    [
      'another cluster',
      'token-issuer',
      () => sign(claims({ iss: 'https://oidc.eks.eu-central-1.amazonaws.com/id/OTHER' })),
    ],
    ['another key', 'token-signature', () => sign(claims(), createIssuerKey('x', 'RS256').privateKey)],
    [
      'a namespace that is not let in',
      'service-account-not-admitted',
      () => sign(claims({ sub: 'system:serviceaccount:other:checkout' }, { namespace: 'other' })),
    ],
    ['two accounts in one token', 'token-claims', () => sign(claims({ sub: 'system:serviceaccount:shop:admin' }))],
    [
      'an account that is a path',
      'token-claims',
      () => sign(claims({ sub: 'system:serviceaccount:shop:../admin' }, { serviceaccount: { name: '../admin' } })),
    ],
    ['a token of a person', 'token-claims', () => sign(claims({ sub: 'ann', 'kubernetes.io': undefined }))],
    [
      'a pod whose node is an object',
      'claim-malformed',
      () => sign(claims({}, { node: { name: { a: 1 }, uid: 'b' } })),
    ],
  ];
  test.each(rows)('%s is refused', async (_, reason, make) => {
    expect(await world.show(cluster, { proof: await make() })).toBe(reason);
  });
});

describe.skipIf(missingOpenSsl !== undefined)('with a review', () => {
  let server: ApiServer;
  let cluster: AttestorInstance;
  const settings = (change: object = {}) => ({
    kind: 'k8s',
    review: { url: server.url, ca: server.ca, tokenSecret: 'reviewer', ...change },
  });
  beforeAll(async () => {
    server = await startApiServer();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    server.answerWith(undefined);
    server.tokens.clear();
    world.secrets.set('reviewer', `${server.reviewerToken}\n`);
    cluster = world.instance(settings());
  });
  const known = async (payload = claims(), username = USERNAME) => {
    const proof = await sign(payload);
    server.tokens.set(proof, { username, audiences: [AUDIENCE] });
    return proof;
  };

  test('a pod is what the API server says, asked for this audience, and no key is fetched', async () => {
    const proof = await known();
    expect(await world.show(cluster, { proof })).toEqual(SELECTORS);
    expect(server.reviews.at(-1)).toEqual({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: proof, audiences: [AUDIENCE] },
    });
    expect(world.asked).toEqual([]);
    expect(await world.show(cluster, { proof })).toBe('proof-replayed');
  });

  test('the token of a pod that was deleted is refused, though its signature and its times are right', async () => {
    const proof = await known();
    server.tokens.delete(proof);
    expect(await world.show(cluster, { proof })).toBe('token-not-authenticated');
  });

  test('a token of another account than it says is refused', async () => {
    const proof = await known(claims(), 'system:serviceaccount:shop:admin');
    expect(await world.show(cluster, { proof })).toBe('token-claims');
  });

  test('a token for another audience is refused before it is shown to anybody', async () => {
    const before = server.reviews.length;
    const proof = await known(claims({ aud: ['https://other.test'] }));
    expect(await world.show(cluster, { proof })).toBe('token-audience');
    expect(server.reviews).toHaveLength(before);
  });

  test('what is no service-account token is never shown to the API server', async () => {
    const before = server.reviews.length;
    for (const proof of ['x', 'a.b.c', await sign({ sub: 'ann' })]) await world.show(cluster, { proof });
    expect(server.reviews).toHaveLength(before);
  });

  const away: [what: string, answer: Parameters<ApiServer['answerWith']>[0]][] = [
    ['refuses our reviewer', { status: 403, body: '{}' }],
    ['fails', { status: 500, body: '{}' }],
    ['sends us elsewhere', { status: 302, body: '', location: 'https://127.0.0.1:1/' }],
    ['answers something else', { status: 200, body: '<html>' }],
    ['answers another kind', { status: 200, body: '{"kind":"Status","status":"Success"}' }],
    ['answers too much', { status: 200, body: `{"kind":"TokenReview","x":"${'x'.repeat(70_000)}"}` }],
    [
      'says two things',
      { status: 200, body: '{"kind":"TokenReview","status":{"authenticated":false,"authenticated":true}}' },
    ],
  ];
  test.each(away)('an API server that %s leaves the proof unspent', async (_, answer) => {
    const proof = await known();
    server.answerWith(answer);
    expect(await world.show(cluster, { proof })).toBe('attestor-unavailable');
    server.answerWith(undefined);
    expect(await world.show(cluster, { proof })).toEqual(SELECTORS);
  });

  test.each([
    [
      'says no user',
      '{"kind":"TokenReview","status":{"authenticated":true,"audiences":["https://postern.demo.test"]}}',
      'token-not-authenticated',
    ],
    ['says yes with a text', '{"kind":"TokenReview","status":{"authenticated":"true"}}', 'token-not-authenticated'],
  ])('an API server that %s authenticates nobody', async (_, body, reason) => {
    const proof = await known();
    server.answerWith({ status: 201, body });
    expect(await world.show(cluster, { proof })).toBe(reason);
  });

  test('a server under another authority, or none that listens, gets no token', async () => {
    const proof = await known();
    const other = createCertificate({ extension: 'subjectAltName=IP:127.0.0.1' });
    const before = server.reviews.length;
    for (const change of [{ ca: other.certificate }, { ca: undefined }, { url: 'https://127.0.0.1:1' }])
      expect(await world.show(world.instance(settings(change)), { proof })).toBe('attestor-unavailable');
    expect(server.reviews).toHaveLength(before);
  });

  test('a reviewer without a token asks nobody', async () => {
    world.secrets.delete('reviewer');
    expect(await world.show(cluster, { proof: await known() })).toBe('attestor-unavailable');
  });

  test('only the service accounts that are named are agents of their nodes', async () => {
    const nodes = world.instance({
      ...settings(),
      makes: 'agent',
      agentName: 'shop-cluster.{k8s:node}',
      serviceAccounts: ['postern/agent'],
    });
    expect(await world.show(nodes, { proof: await known() })).toBe('service-account-not-admitted');
    const agent = claims(
      { sub: 'system:serviceaccount:postern:agent' },
      { namespace: 'postern', serviceaccount: { name: 'agent', uid: 'x' } },
    );
    expect(await world.show(nodes, { proof: await known(agent, 'system:serviceaccount:postern:agent') })).toContain(
      'k8s:sa:agent',
    );
  });

  test('a server that knows nothing of audiences would have taken a token for anybody', async () => {
    server.forgetAudiences();
    expect(await world.show(cluster, { proof: await known() })).toBe('token-audience');
  });
});
