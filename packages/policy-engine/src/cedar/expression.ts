/** Expressions of policy conditions, checked: what a compiler, a formatter and an explainer may rely on. */
import type { ExtensionFunction } from './extension_functions.ts';
import type { Pattern } from './pattern.ts';
import type { Value } from './value.ts';

export type VariableName = 'principal' | 'action' | 'resource' | 'context';

/** Operators that evaluate both operands before they look at them. */
export const BINARY_OPERATORS = [
  '==',
  '!=',
  'in',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  'contains',
  'containsAll',
  'containsAny',
  'getTag',
  'hasTag',
] as const;
export type BinaryOperator = (typeof BINARY_OPERATORS)[number];

export const UNARY_OPERATORS = ['!', 'neg', 'isEmpty'] as const;
export type UnaryOperator = (typeof UNARY_OPERATORS)[number];

export type Expression =
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'variable'; readonly name: VariableName }
  /** `&&` and `||` chains are flat: grouping changes neither their value nor their errors. */
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression[] }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'if'; readonly test: Expression; readonly whenTrue: Expression; readonly whenFalse: Expression }
  | { readonly kind: 'attribute'; readonly target: Expression; readonly name: string }
  /** `target has a.b.c`: each name is tested on what the one before it holds. */
  | { readonly kind: 'has'; readonly target: Expression; readonly path: readonly string[] }
  | { readonly kind: 'like'; readonly target: Expression; readonly pattern: Pattern }
  | { readonly kind: 'is'; readonly target: Expression; readonly type: string; readonly within?: Expression }
  | { readonly kind: 'set'; readonly elements: readonly Expression[] }
  | { readonly kind: 'record'; readonly fields: readonly (readonly [string, Expression])[] }
  | { readonly kind: 'call'; readonly extension: ExtensionFunction; readonly values: readonly Expression[] };

/** The operands of an `&&` chain, or the expression itself. */
export function conjunctsOf(expression: Expression): readonly Expression[] {
  return expression.kind === 'and' ? expression.operands : [expression];
}

/** Calls `visit` for each part that evaluation may look at, one level down. */
export function visitParts(expression: Expression, visit: (part: Expression) => void): void {
  switch (expression.kind) {
    case 'literal':
    case 'variable':
      return;
    case 'and':
    case 'or':
      expression.operands.forEach(visit);
      return;
    case 'unary':
      visit(expression.operand);
      return;
    case 'binary':
      visit(expression.left);
      visit(expression.right);
      return;
    case 'if':
      visit(expression.test);
      visit(expression.whenTrue);
      visit(expression.whenFalse);
      return;
    case 'attribute':
    case 'has':
    case 'like':
      visit(expression.target);
      return;
    case 'is':
      visit(expression.target);
      if (expression.within !== undefined) visit(expression.within);
      return;
    case 'set':
      expression.elements.forEach(visit);
      return;
    case 'record':
      for (const [, value] of expression.fields) visit(value);
      return;
    case 'call':
      expression.values.forEach(visit);
      return;
  }
}

export interface AttributePath {
  readonly root: VariableName;
  readonly names: readonly string[];
}

/** `context.device.compliant` as its parts; `undefined` when the expression is no plain path from a variable. */
export function attributePathOf(expression: Expression): AttributePath | undefined {
  const names: string[] = [];
  let target = expression;
  while (target.kind === 'attribute') {
    names.unshift(target.name);
    target = target.target;
  }
  return target.kind === 'variable' ? { root: target.name, names } : undefined;
}
