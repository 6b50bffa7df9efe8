/** Whether one condition asks for at least as much as another. Says no where it cannot tell. */
import { constantOf } from '../../cedar/compile.ts';
import { attributePathOf, type Expression } from '../../cedar/expression.ts';
import { formatExpression } from '../../cedar/index.ts';
import { compilePattern } from '../../cedar/pattern.ts';
import { factImplies, factOf } from './facts.ts';

/** Whoever satisfies `strong` satisfies `weak`. Both from `simplify`. */
export function implies(strong: Expression, weak: Expression): boolean {
  if (formatExpression(strong) === formatExpression(weak)) return true;
  if (weak.kind === 'literal' && weak.value === true) return true;
  if (weak.kind === 'and') return weak.operands.every((operand) => implies(strong, operand));
  if (strong.kind === 'or') return strong.operands.every((operand) => implies(operand, weak));
  if (strong.kind === 'and' && strong.operands.some((operand) => implies(operand, weak))) return true;
  if (weak.kind === 'or') return weak.operands.some((operand) => implies(strong, operand));
  if (weak.kind === 'has') return impliesHas(strong, weak);
  if (weak.kind === 'like') return impliesLike(strong, weak);
  if (weak.kind === 'is') return impliesIs(strong, weak);
  const [fact, weaker] = [factOf(strong), factOf(weak)];
  return fact !== undefined && weaker !== undefined && factImplies(fact, weaker);
}

type Kind<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

/** What is read is there. */
function impliesHas(strong: Expression, weak: Kind<'has'>): boolean {
  const needed = pathText([...namesOf(weak.target), ...weak.path]);
  if (strong.kind === 'has') return startsWith(pathText([...namesOf(strong.target), ...strong.path]), needed);
  const read = subjectOf(strong);
  return read !== undefined && startsWith(pathText(namesOf(read)), needed);
}

function subjectOf(expression: Expression): Expression | undefined {
  switch (expression.kind) {
    case 'attribute':
      return expression;
    case 'unary':
      return expression.operator === '!' ? subjectOf(expression.operand) : undefined;
    case 'binary':
      return expression.operator === 'contains' && expression.left.kind !== 'attribute'
        ? expression.right
        : expression.left;
    case 'like':
    case 'is':
      return expression.target;
    default:
      return undefined;
  }
}

function namesOf(expression: Expression): readonly string[] {
  const path = attributePathOf(expression);
  return path === undefined ? [formatExpression(expression)] : [path.root, ...path.names];
}

/** Lengths before the names, so that no name can imitate two. */
function pathText(names: readonly string[]): string {
  return names.map((name) => `${name.length}:${name}/`).join('');
}

function startsWith(path: string, prefix: string): boolean {
  return path.startsWith(prefix);
}

function impliesLike(strong: Expression, weak: Kind<'like'>): boolean {
  const subject = formatExpression(weak.target);
  if (strong.kind === 'like' && formatExpression(strong.target) === subject) {
    const [prefix, rest, ...more] = strong.pattern.parts;
    const [shorter, end, ...others] = weak.pattern.parts;
    const arePrefixes = rest === '' && end === '' && more.length === 0 && others.length === 0;
    return arePrefixes && prefix !== undefined && shorter !== undefined && prefix.startsWith(shorter);
  }
  const among = factOf(strong);
  if (among?.subject !== subject || among.among === undefined) return false;
  const matches = compilePattern(weak.pattern);
  return [...among.among.values()].every((value) => typeof value === 'string' && matches(value));
}

/** `x == T::"a"` and `x is T in y` are both an `x is T`. */
function impliesIs(strong: Expression, weak: Kind<'is'>): boolean {
  if (weak.within !== undefined) return false;
  const subject = formatExpression(weak.target);
  if (strong.kind === 'is') return strong.type === weak.type && formatExpression(strong.target) === subject;
  if (strong.kind !== 'binary' || strong.operator !== '==' || formatExpression(strong.left) !== subject) return false;
  const value = constantOf(strong.right);
  return typeof value === 'object' && value.kind === 'entity' && value.type === weak.type;
}
