/** (3) Which person is behind the request. */
import type { DecisionState } from '@postern/feed';
import { isRevoked, type UserIdentity, type UserTokenReason, type UserTokenVerifier } from '@postern/identity';
import type { UserRequirement } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import type { CheckRequest } from './request.ts';

export type EstablishUserReason =
  | UserTokenReason
  | 'user-missing'
  | 'credential-scheme'
  | 'user-revoked'
  | 'session-revoked'
  | 'device-revoked';

/**
 * Establishes the user from `authorization: Bearer` (RFC 6750 2.1), or `undefined` where nobody needs to be known.
 * An invalid credential is a denial and never an absence, so that nobody widens access by breaking a token; leaving it
 * out where the user is optional leaves `Anonymous` to be permitted. With `none` credentials are not looked at: they
 * belong to the service itself. `request`: untrusted, bounds checked, at most one `authorization`.
 */
export function establishUser(
  request: CheckRequest,
  requirement: UserRequirement,
  state: DecisionState,
  verifier: UserTokenVerifier,
  nowMs: number,
): Result<UserIdentity | undefined, EstablishUserReason> {
  if (requirement === 'none') return accept(undefined);
  const authorization = request.headers.find(([name]) => name === 'authorization')?.[1];
  if (authorization === undefined) return requirement === 'optional' ? accept(undefined) : refuse('user-missing');

  const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) return refuse('credential-scheme');
  const verified = verifier.verify(token, {
    issuers: state.release.release.issuers,
    keysOf: (issuer) => liveKeysOf(state, issuer, nowMs),
    nowMs,
  });
  if (!verified.ok) return verified;
  const reason = revocationOf(verified.value, state, nowMs);
  return reason === undefined ? verified : refuse(reason);
}

function liveKeysOf(state: DecisionState, issuer: string, nowMs: number) {
  const fact = state.tokenKeys.get(issuer);
  return fact !== undefined && fact.expiresAtMs > nowMs ? fact.jwks : undefined;
}

function revocationOf(
  user: UserIdentity,
  { revocations }: DecisionState,
  nowMs: number,
): 'user-revoked' | 'session-revoked' | 'device-revoked' | undefined {
  const revoked = (subject: string) => isRevoked(revocations, subject, user.issuedAtMs, nowMs);
  if (revoked(`user:${user.issuer}#${user.subject}`)) return 'user-revoked';
  if (user.sessionId !== undefined && revoked(`session:${user.sessionId}`)) return 'session-revoked';
  if (user.deviceId !== undefined && revoked(`device:${user.deviceId}`)) return 'device-revoked';
  return undefined;
}
