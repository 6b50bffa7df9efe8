/** Cedar's `datetime` (milliseconds since the epoch) and `duration` (milliseconds), both exact 64-bit integers. */
import { accept, type Result, refuse } from '@postern/result';
import { addLong, type Long, longOf, moduloLong, multiplyLong, normalLong, subtractLong } from './long.ts';

export interface Datetime {
  readonly kind: 'datetime';
  readonly epochMs: Long;
}

export interface Duration {
  readonly kind: 'duration';
  readonly ms: Long;
}

export type DatetimeReason = 'datetime-malformed' | 'datetime-impossible';
export type DurationReason = 'duration-malformed' | 'duration-out-of-range';

const DAY_MS = 86_400_000;
const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})/;
const TIME = /^T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(?:Z|([+-])([0-9]{2})([0-9]{2}))$/;
/** Leading zeros are allowed; nineteen further digits hold every 64-bit quantity. */
const DURATION =
  /^(-?)(?:0*([0-9]{1,19})d)?(?:0*([0-9]{1,19})h)?(?:0*([0-9]{1,19})m)?(?:0*([0-9]{1,19})s)?(?:0*([0-9]{1,19})ms)?$/;

/** From a trusted caller's milliseconds since the epoch. */
export function datetimeOf(epochMs: number | bigint): Datetime {
  return { kind: 'datetime', epochMs: longOf(epochMs) };
}

/** From a trusted caller's milliseconds. */
export function durationOf(ms: number | bigint): Duration {
  return { kind: 'duration', ms: longOf(ms) };
}

/**
 * Reads untrusted text in one of Cedar's five forms: `2024-10-15`, `2024-10-15T11:35:00Z`, `….000Z`, `…+0000` and
 * `….000+0000`. The calendar is checked; there are no leap seconds and no offsets of 24 hours or more.
 */
export function parseDatetime(text: string): Result<Datetime, DatetimeReason> {
  const date = DATE.exec(text);
  if (date === null) return refuse('datetime-malformed');
  const [year, month, day] = [Number(date[1]), Number(date[2]), Number(date[3])];
  const rest = text.slice(10);
  const time = rest === '' ? null : TIME.exec(rest);
  if (rest !== '' && time === null) return refuse('datetime-malformed');
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return refuse('datetime-impossible');
  const midnight = daysSinceEpoch(year, month, day) * DAY_MS;
  if (time === null) return accept({ kind: 'datetime', epochMs: midnight });
  const [hour, minute, second] = [Number(time[1]), Number(time[2]), Number(time[3])];
  const [offsetHour, offsetMinute] = [Number(time[6] ?? 0), Number(time[7] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59)
    return refuse('datetime-impossible');
  const offsetMs = (offsetHour * 60 + offsetMinute) * 60_000 * (time[5] === '-' ? -1 : 1);
  const timeMs = ((hour * 60 + minute) * 60 + second) * 1000 + Number(time[4] ?? 0);
  return accept({ kind: 'datetime', epochMs: midnight + timeMs - offsetMs });
}

/** Reads untrusted text such as `-1d2h30m5s100ms`: units in this order, each at most once, at least one. */
export function parseDuration(text: string): Result<Duration, DurationReason> {
  if (text === '' || text === '-') return refuse('duration-malformed');
  const match = DURATION.exec(text);
  if (match === null) return refuse('duration-malformed');
  const sign = match[1] === '-' ? -1n : 1n;
  const quantities = [match[6], match[5], match[4], match[3], match[2]].map((digits) => BigInt(digits ?? 0) * sign);
  const factors = [1, 1000, 60_000, 3_600_000, DAY_MS];
  let total: Long = 0;
  for (const [index, quantity] of quantities.entries()) {
    // Each step must fit by itself, as in Cedar; all quantities have one sign, so no order of adding would do better.
    const long = normalLong(quantity);
    const ms = long === undefined ? undefined : multiplyLong(long, factors[index] as number);
    const sum: Long | undefined = ms === undefined ? undefined : addLong(total, ms);
    if (sum === undefined) return refuse('duration-out-of-range');
    total = sum;
  }
  return accept({ kind: 'duration', ms: total });
}

/** `undefined` on overflow. */
export function offsetDatetime(datetime: Datetime, duration: Duration): Datetime | undefined {
  const epochMs = addLong(datetime.epochMs, duration.ms);
  return epochMs === undefined ? undefined : { kind: 'datetime', epochMs };
}

/** `undefined` on overflow. */
export function durationSince(later: Datetime, earlier: Datetime): Duration | undefined {
  const ms = subtractLong(later.epochMs, earlier.epochMs);
  return ms === undefined ? undefined : { kind: 'duration', ms };
}

/** Midnight UTC of the same day; `undefined` on overflow. */
export function toDate(datetime: Datetime): Datetime | undefined {
  const epochMs = subtractLong(datetime.epochMs, moduloLong(datetime.epochMs, DAY_MS));
  return epochMs === undefined ? undefined : { kind: 'datetime', epochMs };
}

/** Time since midnight UTC. */
export function toTime(datetime: Datetime): Duration {
  return { kind: 'duration', ms: moduloLong(datetime.epochMs, DAY_MS) };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar; `Date.UTC` would take the years 0 to 99 for 1900 to 1999. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
