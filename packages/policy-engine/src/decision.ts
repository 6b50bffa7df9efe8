/** The engine's answer: every party must be permitted and no forbid may apply to any of them. */
import type { CedarRecord, EntityInput, EntityUid } from './cedar/index.ts';
import type { Audience } from './tell.ts';

export type PartyKind = 'workload' | 'user' | 'anonymous-workload' | 'anonymous-user';

export interface Party {
  readonly kind: PartyKind;
  readonly principal: EntityUid;
}

export interface DecisionInput {
  readonly service: string;
  /** Full Cedar action id, such as `payments:refund`. */
  readonly action: string;
  readonly parties: readonly Party[];
  /** Cedar context values by attribute; built by the broker. */
  readonly context: CedarRecord;
  /** Entities beyond those of the release (the user with groups, the device), for this request only. */
  readonly entities: readonly EntityInput[];
  readonly nowMs: number;
}

/** `challenge`: only forbids that name a way out (`@challenge("step-up:3600")`) stand between this request and an allow. */
export type Outcome = 'allow' | 'deny' | 'challenge';

export interface PartyDecision {
  readonly kind: PartyKind;
  readonly principal: string;
  readonly outcome: Outcome;
  /** Policies that determined it, in policy order. */
  readonly determining: readonly DeterminingPolicy[];
  readonly errors: readonly { readonly policyId: string; readonly message: string }[];
  /** On deny without a forbid: the nearest permits and which of their conditions failed with which values. */
  readonly nearest: readonly NearPermit[];
}

export interface DeterminingPolicy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly file: string;
  readonly line: number;
  readonly annotations: { readonly [name: string]: string };
}

/** A part of a policy, and what it came to. */
export interface ExplainedCondition {
  /** `scope`: what the policy asks of the principal. */
  readonly clause: 'scope' | 'when' | 'unless';
  /** Where the clause begins in the policy's file; of a release that does not say, where the policy does. */
  readonly line: number;
  /** Such as "`context.local.hour < 20` is false: `context.local.hour` is 21". */
  readonly text: string;
}

export interface NearPermit extends DeterminingPolicy {
  /** What was in the way; empty when the permit applied. */
  readonly failed: readonly ExplainedCondition[];
  /** Who may be told `failed`. */
  readonly tell: Audience;
}

export type EngineReason =
  | 'permitted'
  | 'no-permit'
  | 'forbidden'
  | 'step-up-required'
  | 'policy-error'
  | 'service-unknown'
  | 'action-unknown';

export interface EngineDecision {
  readonly outcome: Outcome;
  readonly reason: EngineReason;
  readonly parties: readonly PartyDecision[];
  /** Cedar's own result, before `strictErrors`. */
  readonly cedarOutcome: 'allow' | 'deny';
  /** `step-up:3600` and the like, from the determining forbids of a challenge. */
  readonly challenges: readonly string[];
  /** Obligations of determining permits on allow (`@obligation("…")`), deduplicated, in order. */
  readonly obligations: readonly string[];
  /**
   * First instant at which time alone could change this answer, at most a minute ahead; `nowMs` where that cannot be told.
   * For inputs of one `cacheKeyOf`.
   */
  readonly validUntilMs: number;
}
