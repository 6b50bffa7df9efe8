/**
 * Expressions that count time: as it goes by they go up or down at one pace, so it can be said when they reach a value.
 * `context.now`, what is offset from it, durations since or until it, and the age of a sign-in.
 */
import { compileExpression, type Evaluate } from '../cedar/compile.ts';
import { attributePathOf, type Expression } from '../cedar/expression.ts';
import { EvaluationError, type Value } from '../cedar/index.ts';
import { hasClock, type Moment, signInMs } from './moment.ts';
import { readsTime } from './reads_time.ts';

/**
 * At `t` its value is `floor((t - originMs) / unitMs)` where it goes up, `originMs - t` where it goes down. `from`: of one
 * that has the same value before it.
 */
export interface Counter {
  readonly kind: 'long' | 'datetime' | 'duration';
  readonly goes: 'up' | 'down';
  readonly originMs: number;
  readonly unitMs: number;
}

/** `never`: it fails now and always. `unclear`: nothing can be said of it. */
export type Counting = Counter | 'never' | 'unclear';
export type ReadCounter = (moment: Moment) => Counting;

/** Beyond these a sum could leave the range in which numbers are exact, or Cedar's own. */
const MAX_MS = 2 ** 52;

const UNITS: ReadonlyMap<string, number> = new Map([
  ['toMilliseconds', 1],
  ['toSeconds', 1000],
  ['toMinutes', 60_000],
  ['toHours', 3_600_000],
  ['toDays', 86_400_000],
]);

/** `undefined` for an expression that is none of these. */
export function counterOf(expression: Expression): ReadCounter | undefined {
  if (expression.kind === 'attribute') return clockOf(expression);
  if (expression.kind !== 'call') return undefined;
  const [first, second] = expression.values;
  const { name } = expression.extension;
  if (first === undefined || expression.values.length !== expression.extension.arity) return undefined;
  const unitMs = UNITS.get(name);
  if (unitMs !== undefined) return inUnits(first, unitMs);
  if (second === undefined || (name !== 'offset' && name !== 'durationSince')) return undefined;
  if (!readsTime(second)) return moved(first, compileExpression(second), name);
  return name === 'durationSince' && !readsTime(first) ? until(compileExpression(first), second) : undefined;
}

function clockOf(expression: Expression): ReadCounter | undefined {
  const path = attributePathOf(expression);
  if (path?.root !== 'context') return undefined;
  const [first, second] = path.names;
  if (first === 'now' && second === undefined) {
    return (moment) => (hasClock(moment) ? { kind: 'datetime', goes: 'up', originMs: 0, unitMs: 1 } : 'unclear');
  }
  if (first !== 'auth' || second !== 'ageSeconds' || path.names.length !== 2) return undefined;
  return (moment) => {
    if (!moment.frame.context.has('auth')) return 'never';
    const originMs = signInMs(moment);
    return originMs === undefined ? 'unclear' : { kind: 'long', goes: 'up', originMs, unitMs: 1000 };
  };
}

/** `clock.offset(duration)` and `clock.durationSince(datetime)`. */
function moved(clock: Expression, by: Evaluate, name: 'offset' | 'durationSince'): ReadCounter | undefined {
  const read = counterOf(clock);
  if (read === undefined) return undefined;
  const [given, made] = name === 'offset' ? (['duration', 'datetime'] as const) : (['datetime', 'duration'] as const);
  return (moment) => {
    const counter = read(moment);
    if (typeof counter === 'string') return counter;
    const shift = millisecondsOf(by, given, moment);
    if (counter.kind !== 'datetime' || shift === 'never') return 'never';
    if (shift === 'unclear') return shift;
    return {
      ...counter,
      kind: made,
      originMs: name === 'offset' ? counter.originMs - shift : counter.originMs + shift,
    };
  };
}

/** `datetime.durationSince(clock)`. */
function until(end: Evaluate, clock: Expression): ReadCounter | undefined {
  const read = counterOf(clock);
  if (read === undefined) return undefined;
  return (moment) => {
    const counter = read(moment);
    if (typeof counter === 'string') return counter;
    const endMs = millisecondsOf(end, 'datetime', moment);
    if (counter.kind !== 'datetime' || endMs === 'never') return 'never';
    return endMs === 'unclear'
      ? endMs
      : { ...counter, kind: 'duration', goes: 'down', originMs: counter.originMs + endMs };
  };
}

/** Cedar truncates towards zero, so a negative duration counts otherwise; it is not followed. */
function inUnits(duration: Expression, unitMs: number): ReadCounter | undefined {
  const read = counterOf(duration);
  if (read === undefined) return undefined;
  return (moment) => {
    const counter = read(moment);
    if (typeof counter === 'string') return counter;
    if (counter.kind !== 'duration') return 'never';
    const isPlain = counter.goes === 'up' && moment.nowMs >= counter.originMs;
    return isPlain ? { ...counter, kind: 'long', unitMs } : 'unclear';
  };
}

function millisecondsOf(
  evaluate: Evaluate,
  kind: 'datetime' | 'duration',
  { frame }: Moment,
): number | 'never' | 'unclear' {
  const value = attempt(() => evaluate(frame));
  if (typeof value !== 'object' || value instanceof EvaluationError || value.kind !== kind) return 'never';
  const ms = value.kind === 'datetime' ? value.epochMs : value.kind === 'duration' ? value.ms : 0;
  return typeof ms === 'number' && Math.abs(ms) < MAX_MS ? ms : 'unclear';
}

export function attempt(evaluate: () => Value): Value | EvaluationError {
  try {
    return evaluate();
  } catch (error) {
    if (error instanceof EvaluationError) return error;
    throw error;
  }
}

/** When the counter next has another value; `nowMs` for one that always has. */
export function nextTick({ goes, originMs, unitMs }: Counter, nowMs: number): number {
  if (unitMs === 1 || goes === 'down') return nowMs;
  return originMs + (Math.max(-1, Math.floor((nowMs - originMs) / unitMs)) + 1) * unitMs;
}

type Comparison = '<' | '<=' | '>' | '>=' | '==' | '!=';

/** When `counter operator value` could next change; `value` has the counter's kind. */
export function nextCrossing(counter: Counter, operator: Comparison, value: number, nowMs: number): number {
  const { goes, originMs, unitMs } = counter;
  const reachedMs = goes === 'up' ? originMs + value * unitMs : originMs - value;
  const passedMs = reachedMs + unitMs;
  // Going down, it is no longer above a value when it reaches it, and below it when it has passed.
  const [isBelow, isAbove] = goes === 'up' ? [reachedMs, passedMs] : [passedMs, reachedMs];
  const instants = {
    '<': [isBelow],
    '>=': [isBelow],
    '<=': [isAbove],
    '>': [isAbove],
    '==': [reachedMs, passedMs],
    '!=': [reachedMs, passedMs],
  };
  return Math.min(Number.POSITIVE_INFINITY, ...instants[operator].filter((instant) => instant > nowMs));
}
