/**
 * When the value of a condition could next change, if nothing but time goes by. Follows what evaluating it now reads, and
 * no more: until the instant that comes out, evaluation reads the same and comes to the same.
 */
import { compileExpression, compileTest, type Test } from '../cedar/compile.ts';
import { attributePathOf, type Expression, visitParts } from '../cedar/expression.ts';
import { EvaluationError, type Value } from '../cedar/index.ts';
import { attempt, type Counter, counterOf, nextCrossing, nextTick, type ReadCounter } from './counter.ts';
import { type LocalName, type Moment, type NextChange, nextLocal, signInMs } from './moment.ts';
import { readsTime } from './reads_time.ts';

export const NEVER = Number.POSITIVE_INFINITY;
const DAY_MS = 86_400_000;

type Kind<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

/** `undefined` for an expression that time does not change. */
export function nextChangeOf(expression: Expression): NextChange | undefined {
  if (!readsTime(expression)) return undefined;
  switch (expression.kind) {
    case 'and':
      return chained(expression.operands, false);
    case 'or':
      return chained(expression.operands, true);
    case 'if':
      return branched(expression);
    case 'unary':
      return expression.operator === '!' ? nextChangeOf(expression.operand) : ofParts(expression);
    case 'binary':
      return comparison(expression) ?? ofParts(expression);
    case 'call':
      return ofCall(expression);
    case 'attribute':
    case 'variable':
      return ofPath(expression);
    default:
      return ofParts(expression);
  }
}

/** `&&` and `||`: an operand is read only when none before it settled the value. */
function chained(operands: readonly Expression[], settles: boolean): NextChange {
  const parts = operands.map((operand) => ({ change: nextChangeOf(operand), test: compileTest(operand) }));
  return (moment) => {
    let first = NEVER;
    for (const { change, test } of parts) {
      if (change !== undefined) first = Math.min(first, change(moment));
      if (first <= moment.nowMs || outcomeOf(test, moment) !== !settles) break;
    }
    return first;
  };
}

function branched({ test, whenTrue, whenFalse }: Kind<'if'>): NextChange {
  const [ofTest, ofTrue, ofFalse] = [nextChangeOf(test), nextChangeOf(whenTrue), nextChangeOf(whenFalse)];
  const compiled = compileTest(test);
  return (moment) => {
    const outcome = outcomeOf(compiled, moment);
    const branch = outcome === 'error' ? undefined : outcome ? ofTrue : ofFalse;
    return Math.min(ofTest?.(moment) ?? NEVER, branch?.(moment) ?? NEVER);
  };
}

function outcomeOf(test: Test, { frame }: Moment): boolean | 'error' {
  try {
    return test(frame);
  } catch (error) {
    if (error instanceof EvaluationError) return 'error';
    throw error;
  }
}

const COMPARISONS = ['<', '<=', '>', '>=', '==', '!='] as const;
type Comparison = (typeof COMPARISONS)[number];
const MIRRORED: { readonly [C in Comparison]: Comparison } = {
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  '==': '==',
  '!=': '!=',
};

/** What counts time, or local time, against a value that time does not change. */
function comparison({ operator, left, right }: Kind<'binary'>): NextChange | undefined {
  const compared = COMPARISONS.find((name) => name === operator);
  if (compared === undefined) return undefined;
  if (!readsTime(right)) return against(left, compared, right);
  return readsTime(left) ? undefined : against(right, MIRRORED[compared], left);
}

function against(timed: Expression, operator: Comparison, fixed: Expression): NextChange | undefined {
  const local = localNameOf(timed);
  if (local !== undefined) return localAgainst(local, operator, fixed);
  const clock = timeOfDayClock(timed);
  const read = counterOf(clock ?? timed);
  if (read === undefined) return undefined;
  const evaluate = compileExpression(fixed);
  return (moment) => {
    const { frame, nowMs } = moment;
    const counter = read(moment);
    if (counter === 'never') return NEVER;
    const value = attempt(() => evaluate(frame));
    if (counter === 'unclear') return nowMs;
    if (clock === undefined) return crossing(counter, operator, value, nowMs);
    if (counter.kind !== 'datetime') return NEVER;
    const midnightMs = lastMidnight(counter, nowMs);
    const sinceMidnight = { ...counter, kind: 'duration', originMs: midnightMs } as const;
    return Math.min(midnightMs + DAY_MS, crossing(sinceMidnight, operator, value, nowMs));
  };
}

/** A value of another kind compares in one way, or fails, always. */
function crossing(counter: Counter, operator: Comparison, value: Value | EvaluationError, nowMs: number): number {
  if (value instanceof EvaluationError) return NEVER;
  const number = numberOf(value, counter.kind);
  // What no number holds exactly is more than a hundred thousand years away.
  return typeof number === 'number' ? nextCrossing(counter, operator, number, nowMs) : NEVER;
}

function numberOf(value: Value, kind: Counter['kind']): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return kind === 'long' ? value : undefined;
  if (typeof value !== 'object' || value.kind !== kind) return undefined;
  return value.kind === 'datetime' ? value.epochMs : value.ms;
}

function localNameOf(expression: Expression): LocalName | undefined {
  const path = attributePathOf(expression);
  const [first, name] = path?.names ?? [];
  if (path?.root !== 'context' || first !== 'local' || path.names.length !== 2) return undefined;
  return name === 'hour' || name === 'weekday' || name === 'minuteOfDay' ? name : undefined;
}

function localAgainst(name: LocalName, operator: Comparison, fixed: Expression): NextChange {
  const evaluate = compileExpression(fixed);
  return (moment) => {
    const local = nextLocal(moment);
    if (local === undefined) return moment.nowMs;
    const value = attempt(() => evaluate(moment.frame));
    if (typeof value !== 'number' && typeof value !== 'bigint') return NEVER;
    const isChanged = holds(local.now[name], operator, value) !== holds(local.next[name], operator, value);
    return isChanged ? local.atMs : NEVER;
  };
}

function holds(left: number, operator: Comparison, right: number | bigint): boolean {
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '==':
      return left === right;
    case '!=':
      return left !== right;
  }
}

/** `x` of `x.toTime()`. */
function timeOfDayClock(expression: Expression): Expression | undefined {
  if (expression.kind !== 'call' || expression.extension.name !== 'toTime') return undefined;
  return expression.values.length === 1 ? expression.values[0] : undefined;
}

function lastMidnight({ originMs }: Counter, nowMs: number): number {
  return originMs + Math.floor((nowMs - originMs) / DAY_MS) * DAY_MS;
}

/** Whole days and larger units change seldom; whatever else is made of the clock changes always. */
function ofCall(expression: Kind<'call'>): NextChange {
  const [only] = expression.values;
  if (expression.extension.name === 'toDate' && expression.values.length === 1 && only !== undefined) {
    const read = counterOf(only);
    if (read !== undefined) return ticking(read, (counter, nowMs) => lastMidnight(counter, nowMs) + DAY_MS);
  }
  const read = counterOf(expression);
  return read === undefined ? ofParts(expression) : ticking(read, nextTick);
}

function ticking(read: ReadCounter, next: (counter: Counter, nowMs: number) => number): NextChange {
  return (moment) => {
    const counter = read(moment);
    if (counter === 'never') return NEVER;
    return counter === 'unclear' ? moment.nowMs : next(counter, moment.nowMs);
  };
}

/** A time attribute by itself, or a record that holds some. */
function ofPath(expression: Expression): NextChange {
  const path = attributePathOf(expression);
  const local = localNameOf(expression);
  if (local !== undefined) return changesOfLocal([local]);
  const read = counterOf(expression);
  if (read !== undefined) return ticking(read, nextTick);
  const [first, ...more] = path?.names ?? [];
  if (first === 'local' && more.length === 0) return changesOfLocal(['hour', 'weekday', 'minuteOfDay']);
  if (first === 'auth' && more.length === 0) return changesOfSignIn;
  return ({ nowMs }) => nowMs;
}

function changesOfLocal(names: readonly LocalName[]): NextChange {
  return (moment) => {
    const local = nextLocal(moment);
    if (local === undefined) return moment.nowMs;
    return names.some((name) => local.now[name] !== local.next[name]) ? local.atMs : NEVER;
  };
}

const changesOfSignIn: NextChange = (moment) => {
  if (!moment.frame.context.has('auth')) return NEVER;
  const originMs = signInMs(moment);
  const { nowMs } = moment;
  return originMs === undefined ? nowMs : nextTick({ kind: 'long', goes: 'up', originMs, unitMs: 1000 }, nowMs);
};

/** Any operator on parts that stay as they are stays as it is. */
function ofParts(expression: Expression): NextChange {
  const changes: NextChange[] = [];
  visitParts(expression, (part) => {
    const change = nextChangeOf(part);
    if (change !== undefined) changes.push(change);
  });
  return (moment) => changes.reduce((first, change) => Math.min(first, change(moment)), NEVER);
}
