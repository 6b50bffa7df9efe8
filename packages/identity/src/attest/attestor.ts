/**
 * What an attestor is: one kind of proof by which the authority itself learns who asks, never by anybody's word. A kind is
 * a row of `ATTESTORS`; an instance is a kind with its settings, made by an administrator and named in entries.
 */
import type { Attestation } from '@postern/ca';
import type { Result } from '@postern/result';
import type { Certificate, SpiffeId, TrustBundle } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { ReplayGuard } from '../replay_guard.ts';
import type { RequestProofReason } from '../request_proof.ts';
import type { AttestorInstance, AttestorKind } from './attestor_instance.ts';
import type { IssuerKeys } from './issuer_keys.ts';
import type { TokenReviews } from './token_review.ts';

export type AttestationReason =
  | RequestProofReason
  | 'proof-key'
  | 'principal-missing'
  | 'principal-not-admitted'
  | 'token-too-large'
  | 'token-malformed'
  | 'token-header'
  | 'token-algorithm'
  | 'token-key-unknown'
  | 'token-signature'
  | 'token-claims'
  | 'token-issuer'
  | 'token-audience'
  | 'token-expired'
  | 'token-not-yet-valid'
  | 'token-too-old'
  | 'token-own'
  | 'token-not-authenticated'
  | 'account-not-admitted'
  | 'organization-not-admitted'
  | 'region-not-admitted'
  | 'service-account-not-admitted'
  | 'document-malformed'
  | 'document-signature'
  | 'document-region-unknown'
  | 'document-too-old'
  | 'document-not-yet-valid'
  | 'claim-malformed'
  | 'svid-not-renewable'
  | 'svid-revoked'
  | 'join-token-unknown'
  | 'join-token-used'
  | 'join-token-expired'
  | 'join-token-purpose'
  | 'attestor-unavailable';

/** What a caller shows. All of it is untrusted but for `principal` and `keyThumbprint`. */
export interface Evidence {
  /** Text from the body: a token, a document, a secret. */
  readonly proof: string | undefined;
  /** RFC 7638, of the request's key: its holder signed the request. */
  readonly keyThumbprint: string;
  /** IAM principal, as the platform authenticated it; never from a header. */
  readonly principal: string | undefined;
  readonly call: {
    readonly method: string;
    /** Path and query as received. */
    readonly target: string;
    /** SHA-256 of the body's bytes. */
    readonly bodyDigest: Uint8Array;
    /** Value of `postern-proof`. */
    readonly requestProof: string | undefined;
  };
}

/** What attestors ask of the rest of the authority. */
export interface AttestPorts {
  /** Origin of the control plane's public doors: what tokens must be made for. */
  readonly audience: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly issuerKeys: IssuerKeys;
  readonly tokenReviews: TokenReviews;
  readonly replayGuard: ReplayGuard;
  readonly joinTokens: JoinTokens;
  readonly svids: SvidTrust;
}

/** Tokens that stand for a workload, as the store of join tokens has them. */
export interface JoinTokens {
  /** Looks without spending. `subject`: the SPIFFE ID that the token was made for. */
  check(secret: string): Promise<Result<{ readonly agentId: string; readonly expiresAtMs: number }, JoinTokenRefusal>>;
  consume(secret: string): Promise<Result<unknown, JoinTokenRefusal>>;
}
type JoinTokenRefusal = 'join-token-unknown' | 'join-token-used' | 'join-token-expired';

/** Which SVIDs of our own are believed at this moment. */
export interface SvidTrust {
  bundle(): Promise<TrustBundle>;
  isRevoked(svid: {
    readonly spiffeId: SpiffeId;
    readonly leaf: Certificate;
    /** Leaf first, to an authority of the bundle. */
    readonly path: readonly Certificate[];
  }): Promise<boolean>;
}

export type Verified = Result<Attestation, AttestationReason>;
export type InstanceOf<K extends AttestorKind> = Extract<AttestorInstance, { readonly kind: K }>;

export interface Attestor<K extends AttestorKind> {
  /** For operators: what a good proof shows. */
  readonly proves: string;
  /** What it can name: an agent is one node, a workload is whatever an entry says. */
  readonly makes: readonly AttestorInstance['makes'][];
  /** Claims that templates may use and selectors are made of; `undefined` where settings name them. */
  readonly claims: readonly string[] | undefined;
  /** Fetches what verification needs; spends nothing. */
  verify(evidence: Evidence, instance: InstanceOf<K>, ports: AttestPorts): Promise<Verified>;
  /** Once-only use where it is not the proof's id that is spent. */
  spend?(evidence: Evidence, ports: AttestPorts): Promise<Result<unknown, AttestationReason>>;
}
