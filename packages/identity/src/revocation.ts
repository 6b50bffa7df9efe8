/** Whether a credential was taken back: the rule by which revocation facts apply. */

/** A revocation as the feed carries it; structural, so that identity needs to know nothing of the feed. */
export interface Revocation {
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
}

/** By subject, such as `svid:<serial>` or `user:<issuer>#<sub>`. */
export type Revocations = ReadonlyMap<string, Revocation>;

/**
 * Whether something from `issuedAtMs` that belongs to `subject` counts no more. A credential from the very instant of
 * the revocation counts no more either. Issuing times are often cut to the second or backdated by a minute: both err
 * towards refusing, and a credential obtained a minute after the revocation is in order again.
 */
export function isRevoked(revocations: Revocations, subject: string, issuedAtMs: number, nowMs: number): boolean {
  const revocation = revocations.get(subject);
  if (revocation === undefined || revocation.expiresAtMs <= nowMs) return false;
  return issuedAtMs <= revocation.notBeforeMs;
}

/** Whether the one thing `subject` names was taken back for good: a certificate by its serial, an issuer by its key. */
export function isDistrusted(revocations: Revocations, subject: string, nowMs: number): boolean {
  const revocation = revocations.get(subject);
  return revocation !== undefined && revocation.expiresAtMs > nowMs;
}
