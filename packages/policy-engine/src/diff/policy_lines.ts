/** A policy as short lines: what it says in annotations, scope and each condition, one below the other. */
import { conjunctsOf } from '../cedar/expression.ts';
import { formatExpression, formatText, type Policy, policyFromJson } from '../cedar/index.ts';
import { scopeLines } from '../format_scope.ts';
import type { ReleasedPolicy } from '../release/index.ts';

/** Throws for a policy that no release holds. */
export function policyLines({ level, team, effect, annotations, json }: ReleasedPolicy): string[] {
  const policy = policyFromJson(json);
  if (!policy.ok) throw new Error(`a policy of the release cannot be read: ${policy.reason}`);
  return [
    ...(level === 'team' ? [`team ${team}`] : ['org']),
    ...Object.entries(annotations)
      .filter(([name]) => name !== 'id')
      .map(([name, text]) => `@${name}(${formatText(text)})`),
    effect,
    ...scopeLines(policy.value),
    ...conditionLines(policy.value),
  ];
}

/** One line for each part of a `when`; any part of an `unless` alone can lift it, so it is one. */
function conditionLines({ clauses }: Policy): string[] {
  return clauses.flatMap(({ kind, condition }) =>
    kind === 'when'
      ? conjunctsOf(condition).map((part) => `when ${formatExpression(part)}`)
      : [`unless ${formatExpression(condition)}`],
  );
}
