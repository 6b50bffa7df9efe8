/**
 * What the Workload API and SDS serve from: the identities this node holds and the trust bundles they verify with.
 * Keys in it were made on this node and never leave it except to the workload they belong to.
 */
import type { JwtAuthority } from '@postern/spiffe';

export interface WorkloadIdentity {
  readonly entryId: string;
  /** `spiffe://…` */
  readonly spiffeId: string;
  /** May be empty; unique among one workload's identities. */
  readonly hint: string;
  /** DER, leaf first, then issuers; never the root. */
  readonly chain: readonly Uint8Array[];
  /** PKCS#8 DER, unencrypted: Workload API 5.2.1 asks for exactly this. */
  readonly privateKey: Uint8Array;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface IdentitySource {
  /** The agent's own trust domain, such as `demo.test`. */
  readonly trustDomain: string;
  /** False until the first identities and bundle are here: callers are told UNAVAILABLE. */
  isReady(): boolean;
  /** Identities whose entries' selectors are all among `selectors`; stable order, the first is the default. */
  identitiesFor(selectors: readonly string[]): readonly WorkloadIdentity[];
  /**
   * Trust domain name → X.509 authorities (DER): the own trust domain's when ready, and those of the domains that an entry
   * of one of `identities` federates with (Workload API 4.6). Nobody is made to believe another's friends.
   */
  bundles(identities: readonly WorkloadIdentity[]): ReadonlyMap<string, readonly Uint8Array[]>;
  /** The same for keys of JWT-SVIDs; absent or empty where none counts. */
  jwtAuthorities(identities: readonly WorkloadIdentity[]): ReadonlyMap<string, readonly JwtAuthority[]>;
  /** Calls back after any change of identities, entries or bundles. Answers the function that ends it. */
  subscribe(listener: () => void): () => void;
}
