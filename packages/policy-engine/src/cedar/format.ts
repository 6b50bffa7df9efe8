/** Expressions and values as Cedar text, for explanations. */
import { formatDecimal } from './decimal.ts';
import { formatText, formatUid } from './evaluation_error.ts';
import type { AttributePath, Expression } from './expression.ts';
import { formatIp } from './ipaddr.ts';
import type { Pattern } from './pattern.ts';
import type { Value } from './value.ts';

const IDENTIFIER = /^(?!(?:true|false|if|then|else|in|is|like|has|__cedar)$)[_a-zA-Z][_a-zA-Z0-9]*$/;

/** How tightly an expression binds; an operand that binds less than its place asks for is put in parentheses. */
const BINDS = { if: 0, or: 1, and: 2, relation: 3, sum: 4, product: 5, unary: 6, member: 7 } as const;

const RELATIONS: ReadonlySet<string> = new Set(['==', '!=', 'in', '<', '<=', '>', '>=']);

export function formatExpression(expression: Expression): string {
  return format(expression, BINDS.if);
}

export function formatPath(path: AttributePath): string {
  return path.names.reduce(formatAccess, path.root);
}

function formatAccess(target: string, name: string): string {
  return IDENTIFIER.test(name) ? `${target}.${name}` : `${target}[${formatText(name)}]`;
}

function format(expression: Expression, place: number): string {
  const [text, binds] = render(expression);
  return binds < place ? `(${text})` : text;
}

function render(expression: Expression): [string, number] {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      const isNegative = (typeof value === 'number' || typeof value === 'bigint') && value < 0;
      return [formatValue(value), isNegative ? BINDS.unary : BINDS.member];
    }
    case 'variable':
      return [expression.name, BINDS.member];
    case 'and':
      return [expression.operands.map((operand) => format(operand, BINDS.relation)).join(' && '), BINDS.and];
    case 'or':
      return [expression.operands.map((operand) => format(operand, BINDS.and)).join(' || '), BINDS.or];
    case 'unary':
      return renderUnary(expression);
    case 'binary':
      return renderBinary(expression);
    case 'if': {
      const parts = [expression.test, expression.whenTrue, expression.whenFalse].map(formatExpression);
      return [`if ${parts[0]} then ${parts[1]} else ${parts[2]}`, BINDS.if];
    }
    case 'attribute':
      return [formatAccess(format(expression.target, BINDS.member), expression.name), BINDS.member];
    case 'has': {
      const [only] = expression.path;
      const isText = expression.path.length === 1 && only !== undefined && !IDENTIFIER.test(only);
      return [
        `${format(expression.target, BINDS.sum)} has ${isText ? formatText(only) : expression.path.join('.')}`,
        BINDS.relation,
      ];
    }
    case 'like':
      return [`${format(expression.target, BINDS.sum)} like ${formatPattern(expression.pattern)}`, BINDS.relation];
    case 'is': {
      const within = expression.within === undefined ? '' : ` in ${format(expression.within, BINDS.sum)}`;
      return [`${format(expression.target, BINDS.sum)} is ${expression.type}${within}`, BINDS.relation];
    }
    case 'set':
      return [`[${expression.elements.map(formatExpression).join(', ')}]`, BINDS.member];
    case 'record':
      return [
        `{${expression.fields.map(([name, value]) => formatField(name, formatExpression(value))).join(', ')}}`,
        7,
      ];
    case 'call':
      return renderCall(expression);
  }
}

type Kind<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

function renderUnary({ operator, operand }: Kind<'unary'>): [string, number] {
  if (operator === 'isEmpty') return [`${format(operand, BINDS.member)}.isEmpty()`, BINDS.member];
  if (operator === '!') return [`!${format(operand, BINDS.member)}`, BINDS.unary];
  // `-5` is a literal; the negation of a literal is written apart from it.
  return [
    operand.kind === 'literal' ? `-(${formatExpression(operand)})` : `-${format(operand, BINDS.member)}`,
    BINDS.unary,
  ];
}

function renderBinary({ operator, left, right }: Kind<'binary'>): [string, number] {
  if (RELATIONS.has(operator)) {
    return [`${format(left, BINDS.sum)} ${operator} ${format(right, BINDS.sum)}`, BINDS.relation];
  }
  if (operator === '*') return [`${format(left, BINDS.product)} * ${format(right, BINDS.unary)}`, BINDS.product];
  if (operator === '+' || operator === '-') {
    return [`${format(left, BINDS.sum)} ${operator} ${format(right, BINDS.product)}`, BINDS.sum];
  }
  return [`${format(left, BINDS.member)}.${operator}(${formatExpression(right)})`, BINDS.member];
}

function renderCall({ extension, values }: Kind<'call'>): [string, number] {
  const [receiver, ...others] = values;
  if (extension.style === 'function' || receiver === undefined) {
    return [`${extension.name}(${values.map(formatExpression).join(', ')})`, BINDS.member];
  }
  const call = `${extension.name}(${others.map(formatExpression).join(', ')})`;
  return [`${format(receiver, BINDS.member)}.${call}`, BINDS.member];
}

function formatField(name: string, value: string): string {
  return `${IDENTIFIER.test(name) ? name : formatText(name)}: ${value}`;
}

function formatPattern(pattern: Pattern): string {
  const parts = pattern.parts.map((part) => formatText(part).slice(1, -1).replaceAll('*', '\\*'));
  return `"${parts.join('*')}"`;
}

/** A value as a Cedar expression that has it. Values of a request may be private: for operators, not for callers. */
export function formatValue(value: Value): string {
  if (typeof value === 'string') return formatText(value);
  if (typeof value !== 'object') return String(value);
  switch (value.kind) {
    case 'entity':
      return formatUid(value);
    case 'set':
      return `[${value.elements.map(formatValue).join(', ')}]`;
    case 'record':
      return `{${value
        .names()
        .map((name) => formatField(name, formatValue(value.get(name) as Value)))
        .join(', ')}}`;
    case 'decimal':
      return `decimal("${formatDecimal(value)}")`;
    case 'ipaddr':
      return `ip("${formatIp(value)}")`;
    case 'datetime':
      return formatDatetime(value.epochMs);
    case 'duration':
      return `duration("${value.ms}ms")`;
  }
}

/** Cedar's text has four-digit years; other instants are written as an offset, as Cedar itself does. */
function formatDatetime(epochMs: number | bigint): string {
  const isWritable = epochMs >= -62_167_219_200_000 && epochMs <= 253_402_300_799_999;
  if (isWritable) return `datetime("${new Date(Number(epochMs)).toISOString()}")`;
  return `datetime("1970-01-01").offset(duration("${epochMs}ms"))`;
}
