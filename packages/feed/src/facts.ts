/**
 * Facts: changing state that decisions need, delivered in order by the feed. The latest fact of a (kind, subject) wins;
 * an expired one is absent. Every kind is one row here.
 */
export type Fact = TrustBundleFact | IssuerCertificateFact | TokenKeysFact | PostureFact | RevocationFact;

interface FactHeader {
  /** What it is about; with `kind` the identity of the fact. At most 2,048 bytes. */
  readonly subject: string;
  readonly observedAtMs: number;
  readonly expiresAtMs: number;
}

/** `subject`: trust domain. `bundle`: SPIFFE bundle document, JSON text. */
export interface TrustBundleFact extends FactHeader {
  readonly kind: 'trust-bundle';
  readonly bundle: string;
}

/** `subject`: hex subject key id of an ephemeral issuer. `certificate`: base64 DER. In the feed before its first leaf. */
export interface IssuerCertificateFact extends FactHeader {
  readonly kind: 'issuer-certificate';
  readonly certificate: string;
}

/** `subject`: OpenID issuer. `jwks`: its key set, public members only. */
export interface TokenKeysFact extends FactHeader {
  readonly kind: 'token-keys';
  readonly jwks: { readonly keys: readonly { readonly [name: string]: unknown }[] };
}

/** `subject`: device id. Older observations never overwrite newer ones; past `expiresAtMs` the posture is unknown. */
export interface PostureFact extends FactHeader {
  readonly kind: 'posture';
  readonly source: string;
  readonly compliant: boolean;
  readonly managed: boolean;
  readonly diskEncrypted?: boolean;
  readonly platform?: string;
  readonly osVersion?: string;
}

/** `subject`: `svid:<serial>`, `spiffe-id:<uri>`, `issuer:<key id>`, `entry:<id>`, `agent:<uri>`, `user:<issuer>#<sub>`, `session:<id>` or `device:<id>`; credentials from before `notBeforeMs` count no more. */
export interface RevocationFact extends FactHeader {
  readonly kind: 'revocation';
  readonly notBeforeMs: number;
  readonly reason: string;
  /** As revocation lists say it (RFC 5280 5.3.1): `REASON_CODES` of `@postern/ca`. */
  readonly reasonCode?: string;
}
