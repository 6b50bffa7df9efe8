/**
 * How much of each public route is let through, a second and at once: strangers can come there, and each call that a
 * function refuses has cost a start, and at most one read. What is over gets 429 from the HTTP API, and costs nothing.
 */
import { PATHS } from '@postern/api';

export interface Throttle {
  readonly perSecond: number;
  /** Beyond the rate, for a moment. */
  readonly burst: number;
}

/** Of routes that are not named below: callers that come once an hour. */
export const DEFAULT_THROTTLE: Throttle = { perSecond: 50, burst: 100 };

export const ROUTE_THROTTLES: { readonly [route: string]: Throttle } = {
  // Once in a node's life. Nobody is known before it, so guessing join tokens is what it would be used for.
  [`POST ${PATHS.agentJoin}`]: { perSecond: 5, burst: 20 },
  // Workloads without an agent, each once in hours; a proof that is refused has cost a read, and its issuer's keys.
  [`POST ${PATHS.svidsAttested}`]: { perSecond: 50, burst: 200 },
  // Each shows a key of a stranger's, and asks `issue` what binds it.
  [`POST ${PATHS.acme.newAccount}`]: { perSecond: 5, burst: 20 },
  [`POST ${PATHS.acme.revokeCert}`]: { perSecond: 5, burst: 20 },
  // Each asks `issue`, of anybody.
  [`GET ${PATHS.acme.renewal(':certificate')}`]: { perSecond: 10, burst: 50 },
  // Every agent, every second or two: a thousand of them.
  [`GET ${PATHS.feed}`]: { perSecond: 1_000, burst: 2_000 },
  // After an outage all workloads of all nodes ask at once.
  [`POST ${PATHS.svids}`]: { perSecond: 200, burst: 500 },
};
