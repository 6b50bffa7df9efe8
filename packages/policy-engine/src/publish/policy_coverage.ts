/** Which policies the tests of a repository exercise: a policy that no test ever decides by may say anything. */
import { decide } from '../decide.ts';
import type { DecisionInput, EngineDecision } from '../decision.ts';
import { partyRequest, requestEntities } from '../party_request.ts';
import type { LoadedRelease } from '../release/index.ts';

export interface Coverage {
  readonly policies: number;
  /** Policies that determined the decision of some test. */
  readonly exercised: number;
  /** `exercised` of `policies` in whole per cent, rounded down; 100 without policies. */
  readonly percent: number;
  readonly unexercised: readonly UnexercisedPolicy[];
}

export interface UnexercisedPolicy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly file: string;
  readonly line: number;
  /** Whether some test met its scope, so that only its conditions kept it from deciding. */
  readonly isMet: boolean;
}

export interface CoverageCounter {
  /** Decides, and notes which policies the request meets. */
  decide(input: DecisionInput): EngineDecision;
  report(): Coverage;
}

export function createCoverage(loaded: LoadedRelease): CoverageCounter {
  const exercised = new Set<string>();
  const met = new Set<string>();
  return {
    decide(input) {
      const decision = decide(loaded, input);
      for (const { determining } of decision.parties) for (const { id } of determining) exercised.add(id);
      const entities = requestEntities(loaded, input);
      for (const party of input.parties) {
        for (const id of loaded.policies.scopeMatches(partyRequest(input, party), entities)) met.add(id);
      }
      return decision;
    },
    report() {
      const { policies } = loaded.release;
      const unexercised = policies
        .filter(({ id }) => !exercised.has(id))
        .map(({ id, effect, file, line }) => ({ id, effect, file, line, isMet: met.has(id) }));
      const count = policies.length - unexercised.length;
      const percent = policies.length === 0 ? 100 : Math.floor((100 * count) / policies.length);
      return { policies: policies.length, exercised: count, percent, unexercised };
    },
  };
}
