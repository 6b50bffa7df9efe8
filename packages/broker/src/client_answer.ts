/** What the client is told when its request is not let through; the same for every flavour. */
import { audienceOf } from '@postern/policy-engine';
import type { ClientAnswer, Decision } from './decision.ts';
import { type CallerCode, REASONS } from './reasons.ts';

/** Envoy passes other codes of an HTTP authorizer on as they are; a 204 denial would look like a success (X22). */
const ANSWERED: ReadonlySet<number> = new Set([200, 401, 403, 302, 500, 503]);

/** Names the decision to whoever reports a denial; the exact reason stays in the record. */
export const DECISION_ID_HEADER = 'postern-decision-id';

const TITLES: { readonly [C in CallerCode]: string } = {
  allowed: 'allowed',
  'malformed-request': 'the request is malformed',
  'not-authenticated': 'the caller is not authenticated',
  'step-up-required': 'the sign-in is too old or too weak for this',
  'not-permitted': 'the caller may not do this',
  unavailable: 'no decision can be made now',
  internal: 'an unexpected fault; nothing was let through',
};

/**
 * Renders the answer to a denied or challenged request: an RFC 9457 problem document with the decision id, one plain code,
 * and the reasons of policies that say so (`@tell("caller")`). 401 carries `WWW-Authenticate` (RFC 6750 3; step-up by RFC 9470 3).
 */
export function renderClientAnswer(decision: Decision): ClientAnswer {
  if (decision.outcome === 'allow') return { status: 200, headers: [], body: '' };
  const { status, code } = REASONS[decision.reason];
  if (status === 200 || !ANSWERED.has(status)) throw new Error(`a denial cannot be answered with ${status}`);
  const body = {
    type: `urn:postern:problem:${code}`,
    code,
    title: TITLES[code],
    status,
    ...detailFor(decision),
    decision: decision.id,
  };
  const challenge = status === 401 ? bearerChallenge(decision) : undefined;
  return {
    status,
    headers: [
      ['content-type', 'application/problem+json'],
      ['cache-control', 'no-store'],
      [DECISION_ID_HEADER, decision.id],
      ...(challenge === undefined ? [] : [['www-authenticate', challenge] as const]),
    ],
    body: JSON.stringify(body),
  };
}

const MAX_DETAIL_CHARS = 512;

/** Reasons of the forbids that decided, as far as they say that the caller may be told. Permits are not looked for here. */
function detailFor({ parties }: Decision): { readonly detail?: string } {
  const reasons = parties.flatMap(({ determining }) =>
    determining.flatMap(({ effect, annotations }) => {
      const reason = Object.hasOwn(annotations, 'reason') ? annotations['reason'] : undefined;
      return effect === 'forbid' && audienceOf(annotations) === 'caller' && reason !== undefined ? [reason] : [];
    }),
  );
  return reasons.length === 0 ? {} : { detail: [...new Set(reasons)].join('; ').slice(0, MAX_DETAIL_CHARS) };
}

function bearerChallenge(decision: Decision): string {
  for (const obligation of decision.obligations) {
    if (obligation.kind === 'step-up') {
      const maxAge = Math.max(0, Math.floor(obligation.maxAgeSeconds));
      return (
        'Bearer realm="postern", error="insufficient_user_authentication", ' +
        `error_description="a more recent sign-in is required", max_age="${maxAge}"`
      );
    }
    if (obligation.kind === 'authenticate' && obligation.error !== undefined)
      return `Bearer realm="postern", error="${obligation.error}"`;
  }
  return 'Bearer realm="postern"'; // RFC 6750 3.1: no error code to who showed no credential
}
