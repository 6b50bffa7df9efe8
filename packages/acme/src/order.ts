/** An order, with its authorizations (RFC 8555 7.1.3, 7.1.4), as one value; its statuses follow from what is in it. */
import type { AcmeProblemType } from './problems.ts';

export interface OrderProblem {
  readonly problem: AcmeProblemType;
  readonly detail: string;
}

export interface Authorization {
  readonly name: string;
  /** Of its one challenge, `http-01`. */
  readonly token: string;
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated';
  /** When an attempt began that has not ended. */
  readonly attemptAtMs?: number;
  readonly validatedAtMs?: number;
  readonly error?: OrderProblem;
}

export interface AcmeOrder {
  /** UUIDv7. */
  readonly id: string;
  readonly accountId: string;
  /** DNS names, sorted. */
  readonly names: readonly string[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly authorizations: readonly Authorization[];
  /** RFC 9773 5, as it was given. */
  readonly replaces?: string;
  /** When issuing began that has not ended. */
  readonly finalizeAtMs?: number;
  readonly error?: OrderProblem;
  /** PEM, leaf first. */
  readonly certificate?: string;
  readonly serial?: string;
  readonly notAfterMs?: number;
}

export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

/** Until when names can be shown and the order finalized. */
export const ORDER_LIFE_MS = 24 * 60 * 60 * 1000;
/** How long an attempt that nobody ended may have been under way: longer than an invocation lives. */
export const ATTEMPT_LIFE_MS = 35_000;

export const isUnderWay = (sinceMs: number | undefined, nowMs: number): boolean =>
  sinceMs !== undefined && nowMs - sinceMs < ATTEMPT_LIFE_MS;

export function statusOf(order: AcmeOrder, nowMs: number): OrderStatus {
  if (order.certificate !== undefined) return 'valid';
  if (order.error !== undefined || nowMs >= order.expiresAtMs) return 'invalid';
  const statuses = order.authorizations.map(({ status }) => status);
  if (statuses.some((status) => status === 'invalid' || status === 'deactivated')) return 'invalid';
  if (statuses.some((status) => status === 'pending')) return 'pending';
  return isUnderWay(order.finalizeAtMs, nowMs) ? 'processing' : 'ready';
}

export function authorizationStatus(
  { status }: Authorization,
  order: AcmeOrder,
  nowMs: number,
): Authorization['status'] | 'expired' {
  return nowMs >= order.expiresAtMs && (status === 'pending' || status === 'valid') ? 'expired' : status;
}

/** RFC 8555 7.1.6: a challenge is `processing` while somebody looks. */
export function challengeStatus(
  authorization: Authorization,
  nowMs: number,
): 'pending' | 'processing' | 'valid' | 'invalid' {
  const { status, attemptAtMs } = authorization;
  if (status === 'deactivated') return 'invalid';
  if (status !== 'pending') return status;
  return isUnderWay(attemptAtMs, nowMs) ? 'processing' : 'pending';
}

export function withAuthorization(order: AcmeOrder, index: number, change: Authorization): AcmeOrder {
  return { ...order, authorizations: order.authorizations.map((old, at) => (at === index ? change : old)) };
}
