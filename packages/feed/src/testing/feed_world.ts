/** A control plane's feed over a table in memory, and the means to forge every part of what it serves. */
import { createSoftwareMac, generateSoftwareSigner, jwkFromSpki, type Signer, signJws } from '@postern/keys';
import { RELEASE_FORMAT, type Release } from '@postern/policy-engine';
import { formatTrustBundle, parseTrustDomain } from '@postern/spiffe';
import type { Table } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock } from '@postern/store/testing';
import { chainNext, chainStart } from '../chain.ts';
import type { Fact, PostureFact, RevocationFact } from '../facts.ts';
import { createFeedKeyCertifier } from '../feed_key.ts';
import { createFeedLog } from '../feed_log.ts';
import type { FeedTrust } from '../follower.ts';
import { createFeedPublisher } from '../publisher.ts';
import { digestOfRelease, signRelease } from '../release_jws.ts';
import {
  FEED_HEAD_TYPE,
  FEED_KEY_TYPE,
  type FeedEntry,
  type FeedHead,
  type FeedKeyCertificate,
  type FeedPage,
} from '../wire.ts';

export const TRUST_DOMAIN = 'demo.test';
export const HOUR_MS = 60 * 60 * 1000;
export const MAC = createSoftwareMac('test', new Uint8Array(32).fill(7));

export const assertion = generateSoftwareSigner('ES256');
export const releaseSigner = generateSoftwareSigner('ES256');
export const TRUST: FeedTrust = {
  trustDomain: TRUST_DOMAIN,
  assertionKeys: [jwkFromSpki(assertion.spki)],
  releaseKeys: [jwkFromSpki(releaseSigner.spki)],
};

export const nextSignersOf = (...signers: readonly Signer[]): Release['nextSigners'] =>
  signers.map(({ keyId, spki }) => ({ keyId, jwk: jwkFromSpki(spki) }));

/** The smallest release that loads. */
export function releaseOf(number: number, change: Partial<Release> = {}): Release {
  return {
    format: RELEASE_FORMAT,
    trustDomain: TRUST_DOMAIN,
    number,
    madeAtMs: 0,
    staleAfterSeconds: 86_400,
    ring: 'default',
    contentDigest: 'ab'.repeat(32),
    policies: [],
    schema: '',
    services: [],
    teams: [],
    workloadGroups: [],
    issuers: [],
    nextSigners: nextSignersOf(releaseSigner),
    strictErrors: true,
    ...change,
  };
}

export function postureOf(subject: string, observedAtMs: number, change: Partial<PostureFact> = {}): PostureFact {
  const expiresAtMs = observedAtMs + HOUR_MS;
  return {
    kind: 'posture',
    subject,
    source: 'fleet',
    compliant: true,
    managed: true,
    observedAtMs,
    expiresAtMs,
    ...change,
  };
}

export function revocationOf(subject: string, atMs: number, change: Partial<RevocationFact> = {}): RevocationFact {
  const times = { observedAtMs: atMs, notBeforeMs: atMs, expiresAtMs: atMs + 24 * HOUR_MS };
  return { kind: 'revocation', subject, reason: 'test', ...times, ...change };
}

export function bundleFactOf(observedAtMs: number, expiresAtMs: number): Fact {
  const trustDomain = parseTrustDomain(TRUST_DOMAIN);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const bundle = formatTrustBundle({
    trustDomain: trustDomain.value,
    sequence: 1,
    x509Authorities: [],
    jwtAuthorities: [],
  });
  return { kind: 'trust-bundle', subject: TRUST_DOMAIN, bundle, observedAtMs, expiresAtMs };
}

export async function createFeedWorld(options: { readonly wrapTable?: (table: Table) => Table } = {}) {
  const clock = createManualClock();
  const inner = createMemoryTable({ clock });
  const table = options.wrapTable?.(inner) ?? inner;
  const log = createFeedLog({ table, mac: MAC });
  await log.open('epoch-1');
  const publisher = createFeedPublisher({
    trustDomain: TRUST_DOMAIN,
    log,
    certify: createFeedKeyCertifier({ trustDomain: TRUST_DOMAIN, assertionSigner: async () => assertion, clock }),
    clock,
  });
  return {
    clock,
    table,
    log,
    publisher,
    /** Appends, or throws the reason. */
    async append(...facts: readonly Fact[]) {
      const appended = await log.append(facts);
      if (!appended.ok) throw new Error(appended.reason);
      return appended.value;
    },
    async release(release: Release, signer: Signer = releaseSigner): Promise<string> {
      const jws = await signRelease(release, signer);
      const moved = await log.setRelease(release.number, digestOfRelease(jws));
      if (!moved.ok) throw new Error(moved.reason);
      return jws;
    },
    async page(epoch = '', after = 0): Promise<FeedPage> {
      const page = await publisher.page({ epoch, after });
      if (page === undefined) throw new Error('the feed is not open');
      return page;
    },
  };
}

/** A page as somebody signs it who holds the keys given; each part can be made wrong on its own. */
export async function forgePage(input: {
  readonly facts: readonly unknown[];
  readonly nowMs: number;
  readonly head?: Partial<FeedHead>;
  readonly certificate?: Partial<FeedKeyCertificate>;
  readonly certifiedBy?: Signer;
  readonly headSignedBy?: Signer;
  readonly entries?: (entries: readonly FeedEntry[]) => readonly FeedEntry[];
  /** Entries already known to the reader: the chain goes on after them. */
  readonly after?: { readonly sequence: number; readonly chain: string };
}): Promise<FeedPage> {
  const feedKey = generateSoftwareSigner('ES256');
  const epoch = input.head?.epoch ?? 'epoch-1';
  let { sequence, chain } = input.after ?? { sequence: 0, chain: chainStart(epoch) };
  const entries: FeedEntry[] = [];
  for (const fact of input.facts) {
    sequence += 1;
    const entry = { sequence, fact: fact as Fact };
    entries.push(entry);
    chain = chainNext(chain, entry);
  }
  const certificate: FeedKeyCertificate = {
    trustDomain: TRUST_DOMAIN,
    keyId: feedKey.keyId,
    jwk: jwkFromSpki(feedKey.spki),
    notBeforeMs: input.nowMs - 60_000,
    notAfterMs: input.nowMs + HOUR_MS,
    ...input.certificate,
  };
  const head: FeedHead = {
    trustDomain: TRUST_DOMAIN,
    epoch,
    sequence,
    chain,
    releaseNumber: 0,
    releaseDigest: '',
    atMs: input.nowMs,
    ...input.head,
  };
  return {
    keyCertificate: await signJws(input.certifiedBy ?? assertion, { typ: FEED_KEY_TYPE, payload: certificate }),
    head: await signJws(input.headSignedBy ?? feedKey, {
      typ: FEED_HEAD_TYPE,
      header: { kid: feedKey.keyId },
      payload: head,
    }),
    entries: input.entries?.(entries) ?? entries,
  };
}
