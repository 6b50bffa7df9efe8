/** Until when a decision would come out the same for the same request, if nothing but time went by. */
import { attributePathOf, conjunctsOf, type Expression } from '../cedar/expression.ts';
import { frameOf } from '../cedar/frame.ts';
import type { Entities, Policy } from '../cedar/index.ts';
import type { DecisionInput } from '../decision.ts';
import { applicablePolicies } from '../derived_policies.ts';
import { partyRequest } from '../party_request.ts';
import type { LoadedRelease } from '../release/load.ts';
import { MAX_LIFETIME_MS, type Moment, type NextChange } from './moment.ts';
import { nextChangeOf } from './next_change.ts';
import { isTimePath } from './reads_time.ts';

/** Beyond so many policies that no index leads to, an answer holds for the moment only. */
const MAX_UNINDEXED = 64;

/** What of an action's policies time can change; worked out once for each action of a release. */
interface ActionClock {
  readonly byPolicy: ReadonlyMap<string, NextChange>;
  /** Of policies that an index may leave out for their time attribute alone: looked at whoever asks. */
  readonly unindexed: readonly NextChange[];
}

/**
 * From `nowMs` of the input on and before the instant that comes out, `decide` gives the same outcome by the same
 * policies, if of the context only time attributes change, as time makes them. At most 60 s away; `nowMs` where it cannot
 * be told. Costs some µs for each policy that the request meets and that reads the clock.
 */
export function answerValidUntilMs(loaded: LoadedRelease, input: DecisionInput, entities: Entities): number {
  const { nowMs, service, action } = input;
  const clock = actionClock(loaded, service, action);
  let until = nowMs + MAX_LIFETIME_MS;
  if (clock === undefined) return until;
  if (clock.unindexed.length > MAX_UNINDEXED) return nowMs;
  const timeZone = loaded.services.get(service)?.service.timeZone;
  for (const party of input.parties) {
    const request = partyRequest(input, party);
    const moment: Moment = { frame: frameOf(request, entities), nowMs, timeZone };
    for (const change of clock.unindexed) until = Math.min(until, change(moment));
    for (const id of loaded.policies.candidateIds(request, entities)) {
      const change = clock.byPolicy.get(id);
      if (change !== undefined) until = Math.min(until, change(moment));
    }
  }
  return Math.max(nowMs, until);
}

const clocks = new WeakMap<LoadedRelease, Map<string, ActionClock | undefined>>();

/** `undefined` where no policy reads the clock. */
function actionClock(loaded: LoadedRelease, service: string, action: string): ActionClock | undefined {
  let known = clocks.get(loaded);
  if (known === undefined) {
    known = new Map();
    clocks.set(loaded, known);
  }
  if (known.has(action)) return known.get(action);
  const byPolicy = new Map<string, NextChange>();
  const unindexed: NextChange[] = [];
  for (const { id } of applicablePolicies(loaded, service, action)) {
    const policy = loaded.policies.policy(id);
    const change = policy && nextChangeOf(conditionOf(policy));
    if (policy === undefined || change === undefined) continue;
    if (mayBeIndexedByTime(policy)) unindexed.push(change);
    else byPolicy.set(id, change);
  }
  const clock = byPolicy.size + unindexed.length === 0 ? undefined : { byPolicy, unindexed };
  known.set(action, clock);
  return clock;
}

/** All clauses as one `&&`. */
function conditionOf({ clauses }: Policy): Expression {
  const operands = clauses.flatMap(({ kind, condition }) =>
    kind === 'when' ? conjunctsOf(condition) : [{ kind: 'unary', operator: '!', operand: condition } as const],
  );
  return { kind: 'and', operands };
}

/** An index knows equality and membership; with `context.local.hour == 9` it leaves a policy out until it is nine. */
function mayBeIndexedByTime({ clauses }: Policy): boolean {
  return clauses
    .flatMap(({ condition }) => conjunctsOf(condition))
    .some((conjunct) => {
      if (conjunct.kind !== 'binary' || (conjunct.operator !== '==' && conjunct.operator !== 'contains')) return false;
      return [conjunct.left, conjunct.right].some((side) => {
        const path = attributePathOf(side);
        return path !== undefined && path.names.length > 0 && isTimePath(path);
      });
    });
}
