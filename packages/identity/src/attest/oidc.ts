/**
 * Tokens of any OpenID provider whose jobs or machines have one: GitHub Actions, GitLab, Google, Azure. Which of its
 * claims must be there, and which become selectors, is the instance's to say.
 */
import { refuse } from '@postern/result';
import type { JsonObject } from '@postern/spiffe';
import type { Attestor } from './attestor.ts';
import { createAttestation, type Facts, memberOf } from './facts.ts';
import { audienceOf, boundAudience, checkTokenTimes, isOwnToken, parseToken, verifyTokenSignature } from './token.ts';

/** What nearly all of them sign with. */
const DEFAULT_ALGORITHMS = ['RS256', 'ES256'];

export const oidc: Attestor<'oidc'> = {
  proves: 'that the provider made a token with these claims for this deployment, minutes ago',
  makes: ['workload', 'agent'],
  claims: undefined,
  async verify(evidence, instance, ports) {
    const token = parseToken(evidence.proof);
    if (!token.ok) return token;
    const { claims, id } = token.value;
    if (isOwnToken(claims, ports)) return refuse('token-own');
    const { issuer, algorithms = DEFAULT_ALGORITHMS } = instance;
    const signed = await verifyTokenSignature(token.value, { issuer, algorithms }, ports);
    if (!signed.ok) return signed;
    const times = checkTokenTimes(claims, ports.clock.nowMs(), instance.maxAgeSeconds);
    if (!times.ok) return times;
    const wanted = instance.audience ?? ports.audience;
    const audience = instance.bindsKey === true ? boundAudience(wanted, evidence.keyThumbprint) : wanted;
    if (audienceOf(claims) !== audience) return refuse('token-audience');
    const missing = Object.entries(instance.required).find(
      ([claim, values]) => !isOneOf(readClaim(claims, claim), values),
    );
    if (missing !== undefined) return refuse('token-claims', missing[0]);
    const facts: Facts = Object.fromEntries(
      Object.entries(instance.claims).map(([name, claim]) => [`oidc:${name}`, readClaim(claims, claim)]),
    );
    return createAttestation(instance, facts, { id, expiresAtMs: times.value.expiresAtMs });
  },
};

function isOneOf(value: unknown, values: readonly string[]): boolean {
  const isScalar = ['string', 'number', 'boolean'].includes(typeof value);
  return isScalar && values.includes(String(value));
}

/** `claim`: a member's name, or a JSON Pointer (RFC 6901) into what is signed. */
function readClaim(claims: JsonObject, claim: string): unknown {
  if (!claim.startsWith('/')) return memberOf(claims, claim);
  const names = claim
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.reduce<unknown>((value, name) => (Array.isArray(value) ? undefined : memberOf(value, name)), claims);
}
