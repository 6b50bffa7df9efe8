/** The decision that stands until a better one is found, and wherever none can be: no state, a fault, an unreadable call. */
import type { Decision } from './decision.ts';
import { type DecisionReason, obligationsOf } from './reasons.ts';
import type { CheckRequest, EnforcementPoint } from './request.ts';

const MAX_METHOD_LENGTH = 32;
const MAX_HOST_LENGTH = 270;
const MAX_SERVICE_LENGTH = 255;
const MAX_DETAIL_LENGTH = 256;

/** `request`: untrusted; what of it stands in the decision is bounded and printable. */
export function createDenial(input: {
  readonly id: string;
  readonly atMs: number;
  readonly reason: DecisionReason;
  readonly detail?: string | undefined;
  readonly request?: Pick<CheckRequest, 'service' | 'method' | 'authority'> | undefined;
  readonly point?: EnforcementPoint | undefined;
}): Decision {
  return {
    id: input.id,
    atMs: input.atMs,
    outcome: 'deny',
    reason: input.reason,
    ...(input.detail !== undefined && { detail: printable(input.detail, MAX_DETAIL_LENGTH) }),
    service: printable(input.request?.service, MAX_SERVICE_LENGTH),
    method: printable(input.request?.method, MAX_METHOD_LENGTH),
    host: printable(input.request?.authority, MAX_HOST_LENGTH),
    enforcementPoint: input.point?.id ?? '',
    parties: [],
    obligations: obligationsOf(input.reason),
    releaseNumber: 0,
    feedSequence: 0,
    validUntilMs: input.atMs,
    observed: false,
    mode: 'enforce',
  };
}

/** Bounded, and without what would break a line of a record or a log. */
export function printable(text: string | undefined, maxLength: number): string {
  return (text ?? '').slice(0, maxLength).replace(/[^\x20-\x7e]/g, '?');
}
