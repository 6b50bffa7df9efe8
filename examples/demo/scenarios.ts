/** What the demo shows: each request with the outcome it is declared to have. The transcript compares. */
import type { CallAnswer } from './calls.ts';

export type Sender =
  /** The storefront's own program, through its Envoy. */
  | 'storefront'
  /** Another workload of this node, with an SVID of its own. */
  | 'reports'
  /** Somebody outside, at the storefront's entrance. */
  | 'visitor';

export interface Scenario {
  readonly title: string;
  readonly sender: Sender;
  readonly service: 'payments' | 'storefront';
  readonly method: string;
  readonly target: string;
  readonly user?: { readonly sub: string; readonly signedInSecondsAgo: number };
  readonly headers?: { readonly [name: string]: string };
  readonly expect: {
    readonly status: number;
    readonly outcome: 'allow' | 'deny' | 'challenge';
    readonly reason: string;
  };
}

const FRESH = 30;
const TWO_HOURS = 2 * 60 * 60;

export const SCENARIOS: readonly Scenario[] = [
  {
    title: 'a visitor without any identity looks at the shop window',
    sender: 'visitor',
    service: 'storefront',
    method: 'GET',
    target: '/',
    expect: { status: 200, outcome: 'allow', reason: 'permitted' },
  },
  {
    title: 'a refund for Alice: fresh sign-in, compliant laptop, business hours',
    sender: 'storefront',
    service: 'payments',
    method: 'POST',
    target: '/refunds',
    user: { sub: 'alice', signedInSecondsAgo: FRESH },
    expect: { status: 200, outcome: 'allow', reason: 'permitted' },
  },
  {
    title: 'another workload tries the same, with Alice’s own token',
    sender: 'reports',
    service: 'payments',
    method: 'POST',
    target: '/refunds',
    user: { sub: 'alice', signedInSecondsAgo: FRESH },
    expect: { status: 403, outcome: 'deny', reason: 'no-permit' },
  },
  {
    title: 'the storefront asks without saying for whom',
    sender: 'storefront',
    service: 'payments',
    method: 'POST',
    target: '/refunds',
    expect: { status: 401, outcome: 'deny', reason: 'user-missing' },
  },
  {
    title: 'Bob asks from a laptop that is not compliant',
    sender: 'storefront',
    service: 'payments',
    method: 'POST',
    target: '/refunds',
    user: { sub: 'bob', signedInSecondsAgo: FRESH },
    expect: { status: 403, outcome: 'deny', reason: 'no-permit' },
  },
  {
    title: 'Alice signed in two hours ago and wants to change something',
    sender: 'storefront',
    service: 'payments',
    method: 'POST',
    target: '/refunds',
    user: { sub: 'alice', signedInSecondsAgo: TWO_HOURS },
    expect: { status: 401, outcome: 'challenge', reason: 'step-up-required' },
  },
  {
    title: 'a path that a proxy and a backend may read differently',
    sender: 'storefront',
    service: 'payments',
    method: 'POST',
    target: '/%2e%2e;/refunds',
    user: { sub: 'alice', signedInSecondsAgo: FRESH },
    expect: { status: 403, outcome: 'deny', reason: 'path-dot-segment' },
  },
  {
    title: 'a visitor forges the headers that would name an identity',
    sender: 'visitor',
    service: 'storefront',
    method: 'GET',
    target: '/',
    headers: { 'x-postern-user': 'root', 'x-postern-workload': 'spiffe://demo.test/payments' },
    expect: { status: 200, outcome: 'allow', reason: 'permitted' },
  },
];

/** The upstream's echo on allow, ours on everything else. */
export function decisionIdOf(answer: CallAnswer): string | undefined {
  const header = answer.headers['postern-decision-id'];
  if (typeof header === 'string') return header;
  try {
    return (JSON.parse(answer.body) as { told?: { [name: string]: string } }).told?.['x-postern-decision-id'];
  } catch {
    return undefined;
  }
}
