import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { MAX_AUDIENCE_LENGTH, MAX_AUDIENCES } from '@postern/ca';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ControlPlaneUnreachable } from '../control_plane/client.ts';
import { type LocalAgent, OWN_UID, startLocalAgent, TRUST_DOMAIN } from './testing/local_agent.ts';
import { createTestJwtDoor, type TestJwtDoor } from './testing/test_jwt_door.ts';

/** Hand-written from the standard, by somebody else. */
const PROTO = join(import.meta.dirname, '../../../../test/kit/workload_api.proto');
const api = grpc.loadPackageDefinition(loadSync(PROTO, { keepCase: true, defaults: true }))[
  'SpiffeWorkloadAPI'
] as grpc.ServiceClientConstructor;

const AUDIENCE = 'https://ledger.demo.test';
const WITH_HEADER = { 'workload.spiffe.io': 'true' };
const { OK, INVALID_ARGUMENT, PERMISSION_DENIED, UNAVAILABLE } = grpc.status;

interface JwtSvids {
  readonly svids: readonly { readonly spiffe_id: string; readonly svid: string; readonly hint: string }[];
}
interface Validated {
  readonly spiffe_id: string;
  readonly claims: { readonly fields: { readonly [name: string]: { readonly [kind: string]: unknown } } };
}
interface Answer<T> {
  readonly code: number;
  readonly message: string;
  readonly value: T | undefined;
}

let agent: LocalAgent;
let client: grpc.Client;
let stranger: TestJwtDoor;
let tokens = 0;
beforeAll(async () => {
  agent = await startLocalAgent();
  client = new api(`unix:${agent.socketPath}`, grpc.credentials.createInsecure());
  stranger = createTestJwtDoor('other.test');
});
beforeEach(() => agent.entitle([{ path: '/payments', selectors: [OWN_UID] }]));
afterEach(() => {
  delete agent.jwtDoor.before;
  delete agent.jwtDoor.change;
  agent.jwtDoor.calls.length = 0;
  agent.revocations.clear();
});
afterAll(async () => {
  client.close();
  await agent.stop();
});

const id = (path: string) => `spiffe://${TRUST_DOMAIN}${path}`;
/** Nobody has asked for it, so that nothing is at hand. */
const newAudience = () => `audience-${++tokens}`;

function call<T>(method: string, request: object, headers: Record<string, string> = WITH_HEADER): Promise<Answer<T>> {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  type Done = (fault: grpc.ServiceError | null, value: T) => void;
  const unary = (client as unknown as { [name: string]: (...args: [object, grpc.Metadata, Done]) => void })[method]!;
  return new Promise((resolve) =>
    unary.call(client, request, metadata, (fault, value) =>
      resolve({ code: fault?.code ?? OK, message: fault?.details ?? '', value }),
    ),
  );
}
const fetchJwt = (
  request: { readonly audience?: readonly string[]; readonly spiffe_id?: string },
  headers?: Record<string, string>,
) => call<JwtSvids>('FetchJWTSVID', request, headers);
const validate = (request: { readonly audience?: string; readonly svid?: string }, headers?: Record<string, string>) =>
  call<Validated>('ValidateJWTSVID', request, headers);
const idsOf = ({ value }: Answer<JwtSvids>) => value?.svids.map(({ spiffe_id }) => spiffe_id);

describe('FetchJWTSVID', () => {
  test('hands the caller a token for its identity and the audience it named', async () => {
    const { code, value } = await fetchJwt({ audience: [AUDIENCE] });
    expect(code).toBe(OK);
    expect(value?.svids).toMatchObject([{ spiffe_id: id('/payments'), hint: '' }]);
    expect(decodeJwt(value?.svids[0]?.svid ?? '')).toMatchObject({ sub: id('/payments'), aud: [AUDIENCE] });
  });

  test('hands out all identities of the caller when none is named, each hint once, in one call of the authority', async () => {
    await agent.entitle([
      { path: '/a', selectors: [OWN_UID], hint: 'internal' },
      { path: '/b', selectors: [OWN_UID], hint: 'internal' },
      { path: '/c', selectors: [OWN_UID], hint: 'external' },
      { path: '/other-user', selectors: ['unix:uid:4000000000'] },
    ]);
    const answer = await fetchJwt({ audience: [newAudience()] });
    expect(idsOf(answer)).toEqual(['/a', '/b', '/c'].map(id));
    expect(answer.value?.svids.map(({ hint }) => hint)).toEqual(['internal', '', 'external']);
    expect(answer.value?.svids.map(({ svid }) => decodeJwt(svid).sub)).toEqual(['/a', '/b', '/c'].map(id));
    expect(agent.jwtDoor.calls.map(({ requests }) => requests.length)).toEqual([3]);
  });

  test('hands out only the one that is named', async () => {
    await agent.entitle([
      { path: '/a', selectors: [OWN_UID] },
      { path: '/b', selectors: [OWN_UID] },
    ]);
    const answer = await fetchJwt({ audience: [newAudience()], spiffe_id: id('/b') });
    expect(idsOf(answer)).toEqual([id('/b')]);
  });

  const long = 'a'.repeat(MAX_AUDIENCE_LENGTH + 1);
  const many = Array.from({ length: MAX_AUDIENCES + 1 }, (_, index) => `a${index}`);
  const refused: [what: string, request: Parameters<typeof fetchJwt>[0], code: number][] = [
    ['no audience', {}, INVALID_ARGUMENT],
    ['an empty audience', { audience: [''] }, INVALID_ARGUMENT],
    ['too many audiences', { audience: many }, INVALID_ARGUMENT],
    ['an audience that is too long', { audience: [long] }, INVALID_ARGUMENT],
    ['an audience with a control character', { audience: ['a\u0000b'] }, INVALID_ARGUMENT],
    ['an identity of another workload', { audience: ['a'], spiffe_id: id('/other') }, PERMISSION_DENIED],
    ['an identity that is none', { audience: ['a'], spiffe_id: 'payments' }, PERMISSION_DENIED],
  ];
  test.each(refused)('for %s asks the authority nothing', async (_what, request, expected) => {
    const { code } = await fetchJwt(request);
    expect([code, agent.jwtDoor.calls]).toEqual([expected, []]);
  });

  test('hands nothing to a process that nobody entered, nor to a call without the header', async () => {
    expect((await fetchJwt({ audience: ['a'] }, {})).code).toBe(INVALID_ARGUMENT);
    await agent.entitle([{ path: '/other-user', selectors: ['unix:uid:4000000000'] }]);
    expect((await fetchJwt({ audience: ['a'] })).code).toBe(PERMISSION_DENIED);
    expect(agent.jwtDoor.calls).toEqual([]);
  });

  test('says that the authority is away, so that the caller comes again', async () => {
    agent.jwtDoor.before = async () => {
      throw new ControlPlaneUnreachable('away');
    };
    expect(await fetchJwt({ audience: [newAudience()] })).toMatchObject({ code: UNAVAILABLE });
    agent.jwtDoor.before = async () => {};
    agent.jwtDoor.change = ({ svids }) => ({
      svids: [],
      refused: svids.map(({ entryId }) => ({ entryId, reason: 'authority-unavailable' })),
    });
    expect(await fetchJwt({ audience: [newAudience()] })).toMatchObject({ code: UNAVAILABLE });
  });

  test('leaves out an identity that was just taken back, and says so when none is left', async () => {
    await agent.entitle([
      { path: '/a', selectors: [OWN_UID] },
      { path: '/b', selectors: [OWN_UID] },
    ]);
    agent.jwtDoor.change = ({ svids }) => ({
      svids: svids.filter(({ entryId }) => entryId !== '/a'),
      refused: [{ entryId: '/a', reason: 'entry-unknown' }],
    });
    expect(idsOf(await fetchJwt({ audience: [newAudience()] }))).toEqual([id('/b')]);
    agent.jwtDoor.change = ({ svids }) => ({
      svids: [],
      refused: svids.map(({ entryId }) => ({ entryId, reason: 'entry-unknown' })),
    });
    expect((await fetchJwt({ audience: [newAudience()] })).code).toBe(PERMISSION_DENIED);
  });
});

describe('FetchJWTBundles', () => {
  interface Bundles {
    readonly bundles: { readonly [trustDomainId: string]: Buffer };
  }
  function watch(headers: Record<string, string> = WITH_HEADER) {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const open = (
      client as unknown as Record<string, (...args: [object, grpc.Metadata]) => grpc.ClientReadableStream<Bundles>>
    )['FetchJWTBundles']!;
    const stream = open.call(client, {}, metadata);
    const received: { readonly [trustDomainId: string]: { readonly keys: readonly Record<string, string>[] } }[] = [];
    let code: number | undefined;
    stream.on('data', ({ bundles }: Bundles) =>
      received.push(
        Object.fromEntries(Object.entries(bundles).map(([name, jwks]) => [name, JSON.parse(String(jwks))])),
      ),
    );
    stream.on('error', () => {});
    stream.on('status', (status) => {
      code = status.code;
    });
    return { received, code: () => code, cancel: () => stream.cancel() };
  }
  const x509 = () => agent.store.bundles([]);

  test('tells a JWK Set with keys of JWT-SVIDs alone, and a new one as soon as there is a new key', async () => {
    const { received, cancel } = watch();
    await expect.poll(() => received.length).toBe(1);
    const [own] = received[0]?.[`spiffe://${TRUST_DOMAIN}`]?.keys ?? [];
    expect(own).toEqual({ use: 'jwt-svid', kid: agent.jwtDoor.authority.keyId, ...ownMembers() });
    const both = new Map([
      [TRUST_DOMAIN, [agent.jwtDoor.authority]],
      ['other.test', [stranger.authority]],
    ]);
    agent.store.setBundles(x509(), both);
    await expect.poll(() => received.length).toBe(2);
    expect(Object.keys(received[1] ?? {})).toEqual([`spiffe://${TRUST_DOMAIN}`, 'spiffe://other.test']);
    agent.store.setBundles(x509(), new Map());
    await expect.poll(() => received[2]).toEqual({ [`spiffe://${TRUST_DOMAIN}`]: { keys: [] } });
    agent.store.setBundles(x509(), new Map([[TRUST_DOMAIN, [agent.jwtDoor.authority]]]));
    cancel();
  });

  test('tells nothing to a call without the header, and nothing to a process that nobody entered', async () => {
    const without = watch({});
    await expect.poll(without.code).toBe(INVALID_ARGUMENT);
    await agent.entitle([]);
    const nobody = watch();
    await expect.poll(nobody.code).toBe(PERMISSION_DENIED);
    expect([...without.received, ...nobody.received]).toEqual([]);
  });

  const ownMembers = () => {
    const { kty, crv, x, y } = agent.jwtDoor.authority.jwk as Record<string, string>;
    return { kty, crv, x, y };
  };
});

describe('ValidateJWTSVID', () => {
  const mint = async (audience = AUDIENCE) => (await agent.jwtDoor.mint('/storefront', [audience, 'b'])).token;

  test('says who a token is of, with all its claims', async () => {
    const svid = await mint();
    const { code, value } = await validate({ audience: AUDIENCE, svid });
    expect([code, value?.spiffe_id]).toEqual([OK, id('/storefront')]);
    const { iss, sub, aud, exp, iat, jti } = value?.claims.fields ?? {};
    const claims = decodeJwt(svid);
    expect([iss?.['stringValue'], sub?.['stringValue']]).toEqual(['https://postern.demo.test', id('/storefront')]);
    expect([exp?.['numberValue'], iat?.['numberValue']]).toEqual([claims.exp, claims.iat]);
    expect(jti?.['stringValue']).toBe(claims.jti);
    expect(aud).toMatchObject({ listValue: { values: [{ stringValue: AUDIENCE }, { stringValue: 'b' }] } });
  });

  const json = (token: string) => {
    const [header, payload, signature] = token.split('.');
    return JSON.stringify({ payload, signatures: [{ protected: header, signature }] });
  };
  const flattened = (token: string) => {
    const [header, payload, signature] = token.split('.');
    return JSON.stringify({ payload, protected: header, signature });
  };
  const withHeader = (token: string, header: object) =>
    token.replace(/^[^.]+/, Buffer.from(JSON.stringify(header)).toString('base64url'));
  const refused: [what: string, make: () => Promise<string>, reason: string][] = [
    ['for another audience', () => mint('https://other.demo.test'), 'jwt-svid-audience-mismatch'],
    ['that is no token', async () => 'x', 'jwt-svid-malformed'],
    ['in JSON serialization', async () => json(await mint()), 'jwt-svid-malformed'],
    ['in flattened JSON serialization', async () => flattened(await mint()), 'jwt-svid-malformed'],
    [
      'of another trust domain, which signed it well',
      async () => (await stranger.mint('/storefront', [AUDIENCE])).token,
      'trust-domain-unknown',
    ],
    ['without a signature', async () => withHeader(await mint(), { alg: 'none' }), 'jwt-svid-algorithm'],
    [
      'that makes a secret of the public key',
      async () => withHeader(await mint(), { alg: 'HS256', kid: agent.jwtDoor.authority.keyId }),
      'jwt-svid-algorithm',
    ],
    [
      'that names another algorithm for the key',
      async () => withHeader(await mint(), { alg: 'RS256', kid: agent.jwtDoor.authority.keyId }),
      'jwt-svid-key-unknown',
    ],
    [
      'by a key that is nobody’s',
      async () => withHeader(await mint(), { alg: 'ES256', kid: 'x' }),
      'jwt-svid-key-unknown',
    ],
    [
      'whose signature is another’s',
      async () => `${(await mint()).replace(/[^.]+$/, '')}${'A'.repeat(86)}`,
      'jwt-svid-signature',
    ],
    ['that is larger than any', async () => 'a'.repeat(16 * 1024 + 1), 'jwt-svid-too-large'],
  ];
  test.each(refused)('refuses one %s', async (_what, make, reason) => {
    const answer = await validate({ audience: AUDIENCE, svid: await make() });
    expect([answer.code, answer.message, answer.value]).toEqual([INVALID_ARGUMENT, reason, undefined]);
  });

  test('refuses a key of another trust domain for a name of this one, although both are known', async () => {
    agent.store.setBundles(
      agent.store.bundles([]),
      new Map([
        [TRUST_DOMAIN, [stranger.authority]],
        ['other.test', [agent.jwtDoor.authority]],
      ]),
    );
    const answer = await validate({ audience: AUDIENCE, svid: await mint() });
    expect([answer.code, answer.message]).toEqual([INVALID_ARGUMENT, 'jwt-svid-key-unknown']);
    agent.store.setBundles(agent.store.bundles([]), new Map([[TRUST_DOMAIN, [agent.jwtDoor.authority]]]));
  });

  test('tells of a trust domain whose key it does not know, and of nothing that a newer bundle would not help', async () => {
    const keys = (other: readonly TestJwtDoor['authority'][]) =>
      agent.store.setBundles(
        agent.store.bundles([]),
        new Map([
          [TRUST_DOMAIN, [agent.jwtDoor.authority]],
          ['other.test', other],
        ]),
      );
    const before = agent.unknownKeys.length;
    keys([agent.jwtDoor.authority]);
    const { token } = await stranger.mint('/storefront', [AUDIENCE]);
    const early = createTestJwtDoor('other.test', { nowMs: () => Date.now() - 3_600_000 });
    const expired = await early.mint('/storefront', [AUDIENCE]);
    for (const svid of [token, (await stranger.mint('/a', ['https://else.test'])).token, expired.token, 'x'])
      expect((await validate({ audience: AUDIENCE, svid })).code).toBe(INVALID_ARGUMENT);
    expect(agent.unknownKeys.slice(before)).toEqual(['other.test']);
    keys([stranger.authority]);
    expect((await validate({ audience: AUDIENCE, svid: token })).code).toBe(OK);
    agent.store.setBundles(agent.store.bundles([]), new Map([[TRUST_DOMAIN, [agent.jwtDoor.authority]]]));
  });

  test('refuses one of a workload that was revoked since', async () => {
    const svid = await mint();
    agent.revocations.set(`spiffe-id:${id('/storefront')}`, {
      notBeforeMs: Date.now() + 1000,
      expiresAtMs: Date.now() + 60_000,
    });
    const answer = await validate({ audience: AUDIENCE, svid });
    expect([answer.code, answer.message]).toEqual([INVALID_ARGUMENT, 'jwt-svid-revoked']);
  });

  test('refuses to answer without an audience, without a token, without the header and for a stranger', async () => {
    const svid = await mint();
    expect((await validate({ svid })).code).toBe(INVALID_ARGUMENT);
    expect((await validate({ audience: AUDIENCE })).code).toBe(INVALID_ARGUMENT);
    expect((await validate({ audience: AUDIENCE, svid }, {})).code).toBe(INVALID_ARGUMENT);
    await agent.entitle([]);
    expect((await validate({ audience: AUDIENCE, svid })).code).toBe(PERMISSION_DENIED);
  });
});

test('no token is in the log, whatever went wrong', async () => {
  let token = '';
  agent.jwtDoor.change = (answer) => {
    token = answer.svids[0]?.token ?? '';
    return { ...answer, svids: answer.svids.map((svid) => ({ ...svid, entryId: '/x' })) };
  };
  expect((await fetchJwt({ audience: [newAudience()] })).code).toBe(UNAVAILABLE);
  await validate({ audience: AUDIENCE, svid: token });
  const [, , signature = 'none'] = token.split('.');
  expect(JSON.stringify(agent.events)).not.toContain(signature);
});
