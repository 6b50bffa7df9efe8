/** Conditions and scopes of a policy in words, with the values that they met. For the operator: values may be private. */
import {
  type ConjunctExplanation,
  type Entities,
  type EntityUid,
  formatUid,
  formatValue,
  type PolicyExplanation,
  type Value,
} from '../cedar/index.ts';
import type { ExplainedCondition } from '../decision.ts';
import type { ReleasedPolicy } from '../release/release.ts';

const MAX_TEXT_CHARS = 200;
const MAX_ANCESTORS = 8;

/** Of a released policy, as far as it says where its clauses stand. */
export type ClausePlaces = Pick<ReleasedPolicy, 'line' | 'clauseLines'>;

interface PlacedConjunct extends ConjunctExplanation, Pick<ExplainedCondition, 'clause' | 'line'> {}

function conjunctsIn({ clauses }: PolicyExplanation, { line, clauseLines }: ClausePlaces): PlacedConjunct[] {
  return clauses.flatMap(({ kind, conjuncts }, index) =>
    conjuncts.map((conjunct) => ({ ...conjunct, clause: kind, line: clauseLines?.[index] ?? line })),
  );
}

export function describeConditions(explanation: PolicyExplanation, places: ClausePlaces): ExplainedCondition[] {
  return conjunctsIn(explanation, places).map(explained);
}

/** Those of `unmetConditions`. */
export function describeUnmet(explanation: PolicyExplanation, places: ClausePlaces): ExplainedCondition[] {
  return unmetOf(conjunctsIn(explanation, places)).map(explained);
}

function explained(conjunct: PlacedConjunct): ExplainedCondition {
  const { clause, line } = conjunct;
  return { clause, line, text: describeCondition(conjunct) };
}

function describeCondition({ text, outcome, message, reads }: ConjunctExplanation): string {
  const condition = bounded(text);
  if (outcome === 'error') return `\`${condition}\` has no value: ${message ?? 'unknown'}`;
  const values = reads
    .filter(({ path }) => path !== text)
    .map(({ path, value }) => `\`${bounded(path)}\` is ${describeValue(value)}`);
  return values.length === 0
    ? `\`${condition}\` is ${outcome}`
    : `\`${condition}\` is ${outcome}: ${values.join(', ')}`;
}

/** A record is mostly only asked for; its attributes have readings of their own where they matter. */
function describeValue(value: Value | undefined): string {
  if (value === undefined) return 'absent';
  return typeof value === 'object' && value.kind === 'record' ? 'present' : bounded(formatValue(value));
}

/**
 * The conjuncts that keep a policy from applying. One that failed behind another that is not met is left out: evaluation
 * does not come to it, and mostly it asks for what the other found absent.
 */
export function unmetConditions({ clauses }: PolicyExplanation): readonly ConjunctExplanation[] {
  return unmetOf(clauses.flatMap(({ conjuncts }) => conjuncts));
}

function unmetOf<C extends ConjunctExplanation>(conjuncts: readonly C[]): C[] {
  const unmet: C[] = [];
  for (const conjunct of conjuncts) {
    if (!conjunct.isMet && (conjunct.outcome !== 'error' || unmet.length === 0)) unmet.push(conjunct);
  }
  return unmet;
}

/** `scope`: what the policy asks of the principal, such as `principal in Group::"support"`. */
export function describeScope(scope: string, principal: EntityUid, entities: Entities): string {
  const ancestors = entities.find(principal)?.ancestors ?? [];
  const named = ancestors.slice(0, MAX_ANCESTORS).map(formatUid);
  const rest = ancestors.length > named.length ? [`${ancestors.length - named.length} more`] : [];
  const within = ancestors.length === 0 ? 'in nothing else' : `in ${[...named, ...rest].join(', ')}`;
  return `\`${bounded(scope)}\` is false: \`principal\` is ${bounded(formatUid(principal))}, ${bounded(within)}`;
}

export function bounded(text: string): string {
  return text.length <= MAX_TEXT_CHARS ? text : `${text.slice(0, MAX_TEXT_CHARS)}…`;
}
