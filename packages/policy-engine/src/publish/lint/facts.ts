/** What a condition says of one value: that it is among some, is not one, or lies in a range. */
import { constantOf } from '../../cedar/compile.ts';
import type { Expression } from '../../cedar/expression.ts';
import { formatExpression, type Value, valueKey } from '../../cedar/index.ts';

export interface Fact {
  /** Cedar text of what it is about, such as `context.local.hour`. */
  readonly subject: string;
  /** By `valueKey`. */
  readonly among?: ReadonlyMap<string, Value>;
  /** By `valueKey`. */
  readonly except?: string;
  readonly range?: Range;
}

/** Whole numbers of one kind, both ends included. */
export interface Range {
  readonly kind: 'long' | 'datetime' | 'duration';
  readonly low: bigint;
  readonly high: bigint;
}

const LOWEST = -(2n ** 63n);
const HIGHEST = 2n ** 63n - 1n;

export function factOf(expression: Expression): Fact | undefined {
  if (expression.kind === 'binary') return factOfBinary(expression);
  if (expression.kind === 'attribute') return amongFact(formatExpression(expression), [true]);
  if (expression.kind === 'unary' && expression.operator === '!' && expression.operand.kind === 'attribute') {
    return amongFact(formatExpression(expression.operand), [false]);
  }
  return undefined;
}

function factOfBinary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>): Fact | undefined {
  if (operator === 'contains') {
    const set = constantOf(left);
    return typeof set === 'object' && set.kind === 'set' ? amongFact(formatExpression(right), set.elements) : undefined;
  }
  const value = constantOf(right);
  if (value === undefined) return undefined;
  const subject = formatExpression(left);
  if (operator === '==') return amongFact(subject, [value]);
  if (operator === '!=') return { subject, except: valueKey(value) };
  const range = rangeOf(operator, value);
  return range && { subject, range };
}

export function amongFact(subject: string, values: readonly Value[]): Fact {
  const among = new Map(values.map((value) => [valueKey(value), value]));
  const [only] = values;
  const point = only !== undefined && values.length === 1 ? numberOf(only) : undefined;
  return { subject, among, ...(point !== undefined && { range: { ...point, low: point.at, high: point.at } }) };
}

function rangeOf(operator: string, value: Value): Range | undefined {
  const number = numberOf(value);
  if (number === undefined) return undefined;
  const { kind, at } = number;
  switch (operator) {
    case '<':
      return { kind, low: LOWEST, high: at - 1n };
    case '<=':
      return { kind, low: LOWEST, high: at };
    case '>':
      return { kind, low: at + 1n, high: HIGHEST };
    case '>=':
      return { kind, low: at, high: HIGHEST };
    default:
      return undefined;
  }
}

function numberOf(value: Value): { readonly kind: Range['kind']; readonly at: bigint } | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return { kind: 'long', at: BigInt(value) };
  if (typeof value !== 'object') return undefined;
  if (value.kind === 'datetime') return { kind: value.kind, at: BigInt(value.epochMs) };
  return value.kind === 'duration' ? { kind: value.kind, at: BigInt(value.ms) } : undefined;
}

/** Whether what satisfies `fact` satisfies `weaker`. */
export function factImplies(fact: Fact, weaker: Fact): boolean {
  if (fact.subject !== weaker.subject) return false;
  const values = fact.among && [...fact.among.keys()];
  if (weaker.except !== undefined) {
    return fact.except === weaker.except || (values?.every((key) => key !== weaker.except) ?? false);
  }
  if (weaker.among !== undefined) return values?.every((key) => weaker.among?.has(key)) ?? false;
  if (weaker.range === undefined) return false;
  const { range } = weaker;
  if (fact.among !== undefined) return [...fact.among.values()].every((value) => isWithin(value, range));
  return fact.range !== undefined && contains(range, fact.range);
}

function contains(outer: Range, inner: Range): boolean {
  return outer.kind === inner.kind && outer.low <= inner.low && inner.high <= outer.high;
}

function isWithin(value: Value, range: Range): boolean {
  const number = numberOf(value);
  return number !== undefined && contains(range, { kind: number.kind, low: number.at, high: number.at });
}

/** Whether no value satisfies all of `facts`, which are about one subject. */
export function excludeEachOther(facts: readonly Fact[]): boolean {
  const ranges = facts.flatMap(({ range }) => (range === undefined ? [] : [range]));
  const [first] = ranges;
  if (first !== undefined) {
    if (ranges.some(({ kind }) => kind !== first.kind)) return false;
    const low = ranges.reduce((most, range) => (range.low > most ? range.low : most), LOWEST);
    const high = ranges.reduce((least, range) => (range.high < least ? range.high : least), HIGHEST);
    if (low > high) return true;
  }
  const sets = facts.flatMap(({ among }) => (among === undefined ? [] : [among]));
  const [candidates] = sets;
  if (candidates === undefined) return false;
  const excepted = new Set(facts.map(({ except }) => except));
  return ![...candidates].some(
    ([key, value]) =>
      !excepted.has(key) && sets.every((set) => set.has(key)) && ranges.every((range) => isWithin(value, range)),
  );
}
