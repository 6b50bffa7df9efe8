/** The authority's side of an attestation, in memory: issuers' keys, spent proofs, a clock that the test moves. */
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { accept, refuse } from '@postern/result';
import { parseTrustDomain, type TrustBundle } from '@postern/spiffe';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock, type ManualClock } from '@postern/store/testing';
import { createReplayGuard } from '../../replay_guard.ts';
import { attest } from '../attest.ts';
import type { AttestPorts, Evidence } from '../attestor.ts';
import { type AttestorInstance, checkAttestorInput } from '../attestor_instance.ts';
import { createIssuerKeys } from '../issuer_keys.ts';
import { createTokenReviews } from '../token_review.ts';

export const AUDIENCE = 'https://postern.demo.test';
export const TRUST_DOMAIN = 'demo.test';
export const THUMBPRINT = createHash('sha256').update('the key of the request').digest('base64url');

export interface AttestWorld {
  readonly clock: ManualClock;
  /** Key sets by issuer; an issuer that is not there does not answer. */
  readonly issuers: Map<string, readonly { readonly [name: string]: unknown }[]>;
  /** Issuers that were asked for their keys, in order. */
  readonly asked: readonly string[];
  readonly secrets: Map<string, string>;
  readonly ports: AttestPorts;
  instance(settings: { readonly [setting: string]: unknown }): AttestorInstance;
  /** Selectors of a good proof, or the reason of its refusal. */
  show(instance: AttestorInstance, evidence?: Partial<Evidence>): Promise<readonly string[] | string>;
}

export function createAttestWorld(): AttestWorld {
  const clock = createManualClock();
  const table = createMemoryTable({ clock });
  const issuers: AttestWorld['issuers'] = new Map();
  const asked: string[] = [];
  const secrets = new Map<string, string>();
  const trustDomain = parseTrustDomain(TRUST_DOMAIN);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const bundle: TrustBundle = { trustDomain: trustDomain.value, sequence: 1, x509Authorities: [], jwtAuthorities: [] };
  const ports: AttestPorts = {
    audience: AUDIENCE,
    trustDomain: TRUST_DOMAIN,
    clock,
    issuerKeys: createIssuerKeys({
      clock,
      async fetchKeys(issuer) {
        asked.push(issuer);
        const keys = issuers.get(issuer);
        return keys === undefined ? refuse('issuer-unreachable') : accept({ keys });
      },
    }),
    tokenReviews: createTokenReviews({ secret: async (name) => secrets.get(name) ?? '' }),
    replayGuard: createReplayGuard(table, clock),
    joinTokens: {
      check: async () => refuse('join-token-unknown'),
      consume: async () => refuse('join-token-unknown'),
    },
    svids: { bundle: async () => bundle, isRevoked: async () => false },
  };
  return {
    clock,
    issuers,
    asked,
    secrets,
    ports,
    instance(settings) {
      const checked = checkAttestorInput({ name: 'test', makes: 'workload', ...settings }, { audience: AUDIENCE });
      if (!checked.ok) throw new Error(`${checked.reason} ${checked.detail}`);
      return { ...checked.value, createdAtMs: clock.nowMs() };
    },
    async show(instance, evidence = {}) {
      const attested = await attest(instance, evidenceOf(evidence), ports);
      return attested.ok ? attested.value.selectors : attested.reason;
    },
  };
}

export function evidenceOf(change: Partial<Evidence>): Evidence {
  return {
    proof: undefined,
    keyThumbprint: THUMBPRINT,
    principal: undefined,
    call: {
      method: 'POST',
      target: '/v1/svids/attested',
      bodyDigest: createHash('sha256').update('body').digest(),
      requestProof: undefined,
    },
    ...change,
  };
}

export interface TestIssuerKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly jwk: { readonly [name: string]: unknown };
}

/** A key as a provider publishes it. */
export function createIssuerKey(kid: string, alg: 'ES256' | 'ES384' | 'RS256' = 'ES256'): TestIssuerKey {
  const pair =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-256' : 'P-384' });
  return { ...pair, jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } };
}
