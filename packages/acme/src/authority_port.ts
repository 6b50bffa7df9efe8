/**
 * What ACME's front asks of the authority. Each question carries what the client signed, and the authority verifies that by
 * itself: the front, which strangers reach and which fetches from anywhere, can ask for nothing that no client asked for.
 */
import type { Result } from '@postern/result';
import type { AccountBinding, BindingReason } from './account_binding.ts';

export interface AcmeGrant {
  readonly keyId: string;
  readonly entryId: string;
  readonly spiffeId: string;
  /** That may be ordered now. */
  readonly dnsNames: readonly string[];
}

export type AcmeGrantReason =
  | BindingReason
  | 'acme-key-unknown'
  | 'acme-key-used'
  | 'acme-key-expired'
  /** Deleted, expired, or changed into one that has no names to order. */
  | 'entry-unknown'
  | 'entry-unfit';

export interface AcmeIssued {
  /** Base64 DER, leaf first, never the root. */
  readonly chain: readonly string[];
  /** Hex. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface AcmeRenewal {
  readonly issuerKeyId: string;
  readonly keyId: string;
  readonly dnsNames: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isRevoked: boolean;
}

/** Each throws when the authority cannot be asked now. `reason` of a refusal is stable and kebab-case. */
export interface AcmeAuthority {
  /** `isNew`: uses the administrator's key up. */
  grant(binding: AccountBinding, isNew: boolean): Promise<Result<AcmeGrant, AcmeGrantReason>>;
  /** `finalize`: compact JWS of the client's request; issued once for each. */
  issue(binding: AccountBinding, finalize: string): Promise<Result<AcmeIssued>>;
  /** `revocation`: compact JWS of the client's request; `binding`: of the account that signed it, or absent. */
  revoke(revocation: string, binding?: AccountBinding): Promise<Result<{ readonly serial: string }>>;
  /** `serial`: hex, untrusted. */
  renewal(serial: string): Promise<Result<AcmeRenewal>>;
}
