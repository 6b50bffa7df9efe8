/** One decision, before it becomes a protocol answer: the same value in the agent and in the function. */
import type { Assurance, Outcome, PartyDecision } from '@postern/policy-engine';

import type { DecisionReason } from './reasons.ts';

/** Why. One stable word; tests, records and metrics use it. The exact list lives with its wire answer in `reasons.ts`. */
export type { DecisionReason } from './reasons.ts';

export interface Decision {
  /** UUIDv7. */
  readonly id: string;
  readonly atMs: number;
  readonly outcome: Outcome;
  readonly reason: DecisionReason;
  /** The exact rule or part behind the reason; for the operator, bounded and printable, never told to the client. */
  readonly detail?: string;
  readonly service: string;
  /** Absent when the request was refused before it could be routed. */
  readonly action?: string;
  readonly method: string;
  /** Canonical path without query; bounded; absent when refused before. */
  readonly path?: string;
  readonly host: string;
  readonly enforcementPoint: string;
  readonly assurance?: Assurance;
  readonly workload?: { readonly spiffeId: string; readonly serial?: string; readonly issuerKeyId?: string };
  readonly user?: { readonly issuer: string; readonly subject: string };
  readonly device?: { readonly id: string };
  readonly parties: readonly PartyDecision[];
  readonly obligations: readonly Obligation[];
  readonly releaseNumber: number;
  readonly feedSequence: number;
  readonly validUntilMs: number;
  /** `observe` let a request through that `enforce` would have denied. */
  readonly observed: boolean;
  readonly mode: 'enforce' | 'observe';
}

export type Obligation =
  | { readonly kind: 'set-header'; readonly name: string; readonly value: string }
  | { readonly kind: 'remove-header'; readonly name: string }
  | { readonly kind: 'step-up'; readonly maxAgeSeconds: number }
  | { readonly kind: 'authenticate'; readonly error?: 'invalid_token' };

/** What goes on the wire to the client when the request is not let through; `render` per flavour. */
export interface ClientAnswer {
  readonly status: 200 | 401 | 403 | 302 | 500 | 503;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}
