/** Cedar's extension functions: one row each, in the order of the language reference. */
import type { Result } from '@postern/result';
import {
  type Datetime,
  type Duration,
  durationSince,
  offsetDatetime,
  parseDatetime,
  parseDuration,
  toDate,
  toTime,
} from './datetime.ts';
import { type Decimal, decimalOf } from './decimal.ts';
import { EvaluationError, typeError } from './evaluation_error.ts';
import { type IpAddr, ipOf, isInRange, isLoopback, isMulticast } from './ipaddr.ts';
import { divideLong, type Long } from './long.ts';
import type { Value } from './value.ts';

export interface ExtensionFunction {
  readonly name: string;
  /** `function`: `ip("…")`; `method`: `x.isIpv4()`. */
  readonly style: 'function' | 'method';
  readonly arity: 1 | 2;
  /** Throws `EvaluationError`; arguments beyond `arity` are never looked at. */
  readonly apply: (first: Value, second: Value) => Value;
}

const ROWS: readonly ExtensionFunction[] = [
  constructorRow('decimal', decimalOf),
  decimalComparison('lessThan', (left, right) => left < right),
  decimalComparison('lessThanOrEqual', (left, right) => left <= right),
  decimalComparison('greaterThan', (left, right) => left > right),
  decimalComparison('greaterThanOrEqual', (left, right) => left >= right),
  constructorRow('ip', ipOf),
  method('isIpv4', 1, (ip) => asIp(ip).version === 4),
  method('isIpv6', 1, (ip) => asIp(ip).version === 6),
  method('isLoopback', 1, (ip) => isLoopback(asIp(ip))),
  method('isMulticast', 1, (ip) => isMulticast(asIp(ip))),
  method('isInRange', 2, (ip, range) => isInRange(asIp(ip), asIp(range))),
  constructorRow('datetime', parseDatetime),
  constructorRow('duration', parseDuration),
  method('offset', 2, (datetime, duration) =>
    fitting('offset', offsetDatetime(asDatetime(datetime), asDuration(duration))),
  ),
  method('durationSince', 2, (later, earlier) =>
    fitting('durationSince', durationSince(asDatetime(later), asDatetime(earlier))),
  ),
  method('toDate', 1, (datetime) => fitting('toDate', toDate(asDatetime(datetime)))),
  method('toTime', 1, (datetime) => toTime(asDatetime(datetime))),
  durationUnit('toMilliseconds', 1),
  durationUnit('toSeconds', 1000),
  durationUnit('toMinutes', 60_000),
  durationUnit('toHours', 3_600_000),
  durationUnit('toDays', 86_400_000),
];

export const EXTENSION_FUNCTIONS: ReadonlyMap<string, ExtensionFunction> = new Map(ROWS.map((row) => [row.name, row]));

/** Calls with any number of arguments, as policies and JSON values may contain; throws `EvaluationError`. */
export function applyExtension(row: ExtensionFunction, values: readonly Value[]): Value {
  const [first, second] = values;
  if (values.length !== row.arity || first === undefined) {
    throw new EvaluationError(
      'wrong-number-of-arguments',
      `${row.name} takes ${row.arity} argument(s), got ${values.length}`,
    );
  }
  return row.apply(first, second ?? false);
}

function method(name: string, arity: 1 | 2, apply: ExtensionFunction['apply']): ExtensionFunction {
  return { name, style: 'method', arity, apply };
}

function constructorRow(name: string, parse: (text: string) => Result<Value>): ExtensionFunction {
  return {
    name,
    style: 'function',
    arity: 1,
    apply: (text) => {
      if (typeof text !== 'string') throw typeError('string', text);
      const parsed = parse(text);
      if (!parsed.ok) throw new EvaluationError('extension-call-failed', `${name}: ${parsed.reason}`);
      return parsed.value;
    },
  };
}

function decimalComparison(name: string, holds: (left: Long, right: Long) => boolean): ExtensionFunction {
  return method(name, 2, (left, right) => holds(asDecimal(left).tenThousandths, asDecimal(right).tenThousandths));
}

function durationUnit(name: string, unitMs: number): ExtensionFunction {
  return method(name, 1, (duration) => divideLong(asDuration(duration).ms, unitMs));
}

function fitting(name: string, value: Value | undefined): Value {
  if (value === undefined) throw new EvaluationError('extension-call-failed', `${name}: out of range`);
  return value;
}

function asDecimal(value: Value): Decimal {
  if (typeof value === 'object' && value.kind === 'decimal') return value;
  throw typeError('decimal', value);
}

function asIp(value: Value): IpAddr {
  if (typeof value === 'object' && value.kind === 'ipaddr') return value;
  throw typeError('ipaddr', value);
}

function asDatetime(value: Value): Datetime {
  if (typeof value === 'object' && value.kind === 'datetime') return value;
  throw typeError('datetime', value);
}

function asDuration(value: Value): Duration {
  if (typeof value === 'object' && value.kind === 'duration') return value;
  throw typeError('duration', value);
}
