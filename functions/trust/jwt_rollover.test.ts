/**
 * The key of tokens rolls over beneath relying parties that know nothing of it: one that looks at the key set with every
 * token, one that keeps it for as long as it was told to, and one that follows the SPIFFE bundle by its hint. Whatever token
 * is not over is believed by each of them, in every phase.
 */
import { type AuthorityAnswer, type AuthorityCommand, type JwtSvidsAnswer, PATHS } from '@postern/api';
import { verifyJoseSignature } from '@postern/keys';
import { parseTrustBundle, type TrustBundle, type TrustDomain, verifyJwtSvid } from '@postern/spiffe';
import { createLocalJWKSet, createRemoteJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import * as openid from 'openid-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askJwtSvids, callAs, type Holder, joinAgent } from '../testing/agents.ts';
import { startWorld, TRUST_DOMAIN, type World } from '../testing/world.ts';

const MINUTE_MS = 60_000;
/** The longest life that a token can have. */
const LIFE_SECONDS = 3600;
const trustDomain = TRUST_DOMAIN as TrustDomain;

let world: World;
let agent: Holder;
let entryId: string;
beforeEach(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
  const entered = await world.admin('POST', PATHS.admin.entries, {
    spiffeId: `spiffe://${TRUST_DOMAIN}/payments`,
    parentId: agent.spiffeId,
    selectors: ['unix:uid:1000'],
    jwtTtlSeconds: LIFE_SECONDS,
  });
  expect(entered.status).toBe(201);
  entryId = ((await entered.json()) as { id: string }).id;
});
afterEach(() => world.remove());

interface Token {
  readonly token: string;
  readonly audience: string;
  readonly keyId: string;
  readonly expiresAtMs: number;
}

let issued = 0;
async function issue(): Promise<Token> {
  const audience = `https://party-${++issued}.demo.test`;
  const answer = await askJwtSvids(world, agent, [{ entryId, audience: [audience] }]);
  const [svid] = ((await answer.json()) as JwtSvidsAnswer).svids;
  if (svid === undefined) throw new Error(`no token: ${answer.status}`);
  const { token, expiresAtMs, issuedAtMs } = svid;
  expect(expiresAtMs - issuedAtMs).toBe(LIFE_SECONDS * 1000);
  return { token, audience, keyId: String(decodeProtectedHeader(token).kid), expiresAtMs };
}

/** Says nothing of a token that it believes. */
type RelyingParty = (token: Token) => Promise<string>;

async function expectationOf() {
  const options = { execute: [openid.allowInsecureRequests] };
  const found = await openid.discovery(new URL(world.url), 'relying-party', undefined, openid.None(), options);
  const { issuer, jwks_uri = '', id_token_signing_alg_values_supported: algorithms = [] } = found.serverMetadata();
  return { issuer, jwksUri: jwks_uri, algorithms: algorithms as string[] };
}

/** By openid-client and jose, which fetches what it needs when it needs it. */
const asking = (): RelyingParty => async (token) => {
  const { issuer, jwksUri, algorithms } = await expectationOf();
  return verdict(token, createRemoteJWKSet(new URL(jwksUri)), { issuer, algorithms });
};

/** Asks for no key that it does not know: it looks again when the answer before is as old as that said it may be. */
async function caching(): Promise<RelyingParty> {
  const { issuer, jwksUri, algorithms } = await expectationOf();
  const keys = cached(jwksUri, (text) => createLocalJWKSet(JSON.parse(text) as JSONWebKeySet));
  return async (token) => verdict(token, await keys(), { issuer, algorithms });
}

async function verdict(
  { token, audience }: Token,
  keys: Parameters<typeof jwtVerify>[1] | ReturnType<typeof createRemoteJWKSet>,
  expected: { readonly issuer: string; readonly algorithms: string[] },
): Promise<string> {
  const options = { ...expected, audience, currentDate: new Date(world.clock.nowMs()) };
  return jwtVerify(token, keys as ReturnType<typeof createRemoteJWKSet>, options).then(
    () => '',
    (fault: { code: string }) => fault.code,
  );
}

/** A SPIFFE peer that polls by the bundle's refresh hint. */
function polling(): RelyingParty {
  const bundle = cached(world.url + PATHS.trustBundle, (text): TrustBundle => {
    const parsed = parseTrustBundle(text, trustDomain);
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.value;
  });
  return async ({ token, audience }) => {
    const bundles = new Map([[TRUST_DOMAIN, await bundle()]]);
    const verified = verifyJwtSvid(token, {
      audience,
      bundles,
      nowMs: world.clock.nowMs(),
      verifyJws: verifyJoseSignature,
    });
    return verified.ok ? '' : verified.reason;
  };
}

function cached<T>(url: string, parse: (text: string) => T): () => Promise<T> {
  let known: { readonly value: T; readonly untilMs: number } | undefined;
  return async () => {
    const nowMs = world.clock.nowMs();
    if (known === undefined || nowMs >= known.untilMs) {
      const response = await fetch(url);
      const [, seconds] = /max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '') ?? [];
      known = { value: parse(await response.text()), untilMs: nowMs + Number(seconds) * 1000 };
    }
    return known.value;
  };
}

const operate = async (command: AuthorityCommand) => {
  const response = await world.admin('POST', PATHS.admin.authority, command);
  expect(response.status).toBe(201);
};

async function phases(): Promise<string> {
  const { status } = (await (await world.admin('GET', PATHS.admin.authority)).json()) as AuthorityAnswer;
  await callAs(world, agent, {
    method: 'GET',
    target: `${PATHS.feed}?epoch=&after=0&bundle=${status.bundleSequence}`,
  });
  return status.keys.jwt.map(({ generation, phase }) => `${generation} ${phase}`).join(', ');
}

test('every token is believed by everybody until it ends, whichever key signed it and whatever phase that is in', {
  timeout: 60_000,
}, async () => {
  const parties = { asking: asking(), caching: await caching(), polling: polling() };
  const seen = new Map<string, Set<string>>();
  let live: readonly Token[] = [];
  let verdicts = 0;
  for (let minute = 0; minute < 90; minute++) {
    // The newest at once; all where something changed, otherwise the oldest.
    for (const part of [1, 2]) {
      world.clock.advanceMs(MINUTE_MS / 2);
      if (part === 2) await world.tick();
      const newest = await issue();
      const phase = await phases();
      const keyIds = seen.get(phase) ?? new Set();
      seen.set(phase, keyIds);
      live = live.filter(({ expiresAtMs }) => expiresAtMs > world.clock.nowMs());
      for (const token of [newest, ...(keyIds.size === 0 ? live : live.slice(0, 1))]) {
        keyIds.add(token.keyId);
        for (const [party, judge] of Object.entries(parties)) {
          expect(await judge(token), `${party} in minute ${minute}: ${phase}`).toBe('');
          verdicts += 1;
        }
      }
      live = [...live, newest];
      // Just after everybody has made a copy.
      if (minute === 3 && part === 1) await operate({ command: 'prepare', key: 'jwt' });
    }
  }
  expect([...seen.keys()]).toEqual([
    '1 signing',
    '1 signing, 2 published',
    '1 draining, 2 signing',
    '1 distrusted, 2 signing',
  ]);
  const [first, published, draining, gone] = [...seen.values()].map((keyIds) => [...keyIds]);
  expect(first).toHaveLength(1);
  expect(published).toEqual(first);
  expect(draining).toHaveLength(2);
  expect(gone).toEqual(draining?.filter((keyId) => keyId !== first?.[0]));
  expect(verdicts).toBeGreaterThan(1000);
});

test('a key that was stolen is believed by nobody who looks, and by nobody at all when their copies are old', async () => {
  const [always, now, then] = [asking(), await caching(), polling()];
  const stolen = await issue();
  for (const party of [always, now, then]) expect(await party(stolen)).toBe('');
  await operate({ command: 'prepare', key: 'jwt' });
  await operate({ command: 'distrust', key: 'jwt', generation: 1, reason: 'stolen' });
  // Functions look at the state anew every two seconds.
  world.clock.advanceMs(2_000);
  expect(await always(stolen)).toBe('ERR_JWKS_NO_MATCHING_KEY');
  expect(await now(stolen)).toBe('');
  world.clock.advanceMs(MINUTE_MS);
  expect(await now(stolen)).toBe('ERR_JWKS_NO_MATCHING_KEY');
  expect(await then(stolen)).toBe('jwt-svid-key-unknown');
  const next = await issue();
  for (const party of [always, now, then]) expect(await party(next)).toBe('');
});
