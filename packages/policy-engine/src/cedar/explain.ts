/** Why one policy did or did not apply: its scope, each condition, and the values that the conditions read. */
import { compileExpression, compileTest } from './compile.ts';
import { EvaluationError } from './evaluation_error.ts';
import { type AttributePath, conjunctsOf, type Expression } from './expression.ts';
import { formatExpression, formatPath } from './format.ts';
import type { Frame } from './frame.ts';
import type { Effect, Policy } from './policy.ts';
import { attributePathsOf } from './reads.ts';
import type { Value } from './value.ts';

export interface PolicyExplanation {
  readonly policyId: string;
  readonly effect: Effect;
  readonly scopeMatches: boolean;
  readonly clauses: readonly ClauseExplanation[];
  /** Conjuncts that are false (of `unless`: true) or failed, counted over all clauses: how far the policy is from applying. */
  readonly missing: number;
}

export interface ClauseExplanation {
  readonly kind: 'when' | 'unless';
  /** `&&` parts of a `when`; an `unless` is one part, because any of its parts alone can lift it. */
  readonly conjuncts: readonly ConjunctExplanation[];
}

export interface ConjunctExplanation {
  /** Cedar text of the condition. */
  readonly text: string;
  /** What it came to by itself, also where an earlier conjunct ended the evaluation. */
  readonly outcome: 'true' | 'false' | 'error';
  readonly isMet: boolean;
  /** With `error`: why, without values. */
  readonly message?: string;
  readonly reads: readonly AttributeReading[];
}

export interface AttributeReading {
  /** Such as `context.device.compliant`. */
  readonly path: string;
  /** `undefined` when it could not be read. */
  readonly value: Value | undefined;
}

/** Evaluates every conjunct of one policy by itself. Costs a compilation: for denials that somebody asks about. */
export function explain(policyId: string, policy: Policy, scopeMatches: boolean, frame: Frame): PolicyExplanation {
  const clauses = policy.clauses.map(({ kind, condition }) => {
    const parts = kind === 'when' ? conjunctsOf(condition) : [condition];
    return { kind, conjuncts: parts.map((part) => explainConjunct(kind, part, frame)) };
  });
  const missing = clauses.flatMap(({ conjuncts }) => conjuncts).filter(({ isMet }) => !isMet).length;
  return { policyId, effect: policy.effect, scopeMatches, clauses, missing };
}

function explainConjunct(kind: 'when' | 'unless', part: Expression, frame: Frame): ConjunctExplanation {
  const reads = readingsOf(part, frame);
  const text = formatExpression(part);
  const result = attempt(() => compileTest(part)(frame));
  if (result instanceof EvaluationError) {
    return { text, outcome: 'error', isMet: false, message: result.message, reads };
  }
  return { text, outcome: result ? 'true' : 'false', isMet: result === (kind === 'when'), reads };
}

function readingsOf(part: Expression, frame: Frame): AttributeReading[] {
  const readings = new Map<string, AttributeReading>();
  for (const attribute of attributePathsOf(part)) {
    if (attribute.names.length === 0) continue;
    const path = formatPath(attribute);
    if (!readings.has(path)) readings.set(path, { path, value: read(attribute, frame) });
  }
  return [...readings.values()];
}

function read(path: AttributePath, frame: Frame): Value | undefined {
  let expression: Expression = { kind: 'variable', name: path.root };
  for (const name of path.names) expression = { kind: 'attribute', target: expression, name };
  const value = attempt(() => compileExpression(expression)(frame));
  return value instanceof EvaluationError ? undefined : value;
}

function attempt<T>(evaluate: () => T): T | EvaluationError {
  try {
    return evaluate();
  } catch (error) {
    if (error instanceof EvaluationError) return error;
    throw error;
  }
}
