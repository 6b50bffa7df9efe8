/** What a policy asks, as a list of conditions that must all hold, each in one of few forms. */
import { constantOf } from '../../cedar/compile.ts';
import { conjunctsOf, type Expression } from '../../cedar/expression.ts';
import { formatExpression, type Policy } from '../../cedar/index.ts';

export interface Conjunct {
  readonly expression: Expression;
  /** Equal for conditions that say the same. */
  readonly key: string;
  /** Which of the policy's `when` and `unless`, from 0. */
  readonly clause: number;
}

/** Conditions of the clauses; whoever satisfies the policy satisfies each of them. */
export function conjunctsOfPolicy({ clauses }: Policy): readonly Conjunct[] {
  return clauses.flatMap(({ kind, condition }, clause) =>
    (kind === 'when' ? simplify(condition) : simplify(negated(condition))).map((expression) => ({
      expression,
      key: formatExpression(expression),
      clause,
    })),
  );
}

export function negated(operand: Expression): Expression {
  return { kind: 'unary', operator: '!', operand };
}

type Binary = Extract<Expression, { kind: 'binary' }>;
type Operator = Binary['operator'];

const OPPOSITES: { readonly [operator in Operator]?: Operator } = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
};

const MIRRORED: { readonly [operator in Operator]?: Operator } = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '>': '<',
  '<=': '>=',
  '>=': '<=',
};

/**
 * Splits `&&` and the negation of `||`, drops double negation, negates comparisons, and puts constants on their right. The
 * value may differ from the original where that fails; where it is true, all of these are.
 */
export function simplify(expression: Expression): readonly Expression[] {
  if (expression.kind === 'and') return conjunctsOf(expression).flatMap(simplify);
  if (expression.kind === 'binary') return [constantOnRight(expression)];
  if (expression.kind !== 'unary' || expression.operator !== '!') return [expression];
  const { operand } = expression;
  if (operand.kind === 'unary' && operand.operator === '!') return simplify(operand.operand);
  if (operand.kind === 'or') return operand.operands.flatMap((part) => simplify(negated(part)));
  if (operand.kind === 'literal' && typeof operand.value === 'boolean') {
    return [{ kind: 'literal', value: !operand.value }];
  }
  const opposite = operand.kind === 'binary' ? OPPOSITES[operand.operator] : undefined;
  return operand.kind === 'binary' && opposite !== undefined
    ? [constantOnRight({ ...operand, operator: opposite })]
    : [expression];
}

function constantOnRight(expression: Binary): Expression {
  const { operator, left, right } = expression;
  const mirrored = MIRRORED[operator];
  const isTurned = mirrored !== undefined && constantOf(left) !== undefined && constantOf(right) === undefined;
  return isTurned ? { kind: 'binary', operator: mirrored, left: right, right: left } : expression;
}
