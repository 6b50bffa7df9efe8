/** One evaluation at one instant, and what its time attributes will be a little later. */
import type { Frame } from '../cedar/frame.ts';
import type { CedarRecord, Value } from '../cedar/index.ts';
import { type LocalTime, localTime } from '../local_time.ts';

/** An answer that nothing ties to the clock holds this long. Local time changes at most once in it. */
export const MAX_LIFETIME_MS = 60_000;
const MINUTE_MS = 60_000;

export interface Moment {
  readonly frame: Frame;
  readonly nowMs: number;
  /** The service's, for `context.local`. */
  readonly timeZone: string | undefined;
}

/**
 * The first instant after `nowMs` at which a value could be another, if nothing but time goes by: `Infinity` for never
 * within an answer's life, `nowMs` where that cannot be told.
 */
export type NextChange = (moment: Moment) => number;

export type LocalName = keyof LocalTime;

/** `context.now` of the request, when it is the instant that the decision is made at. */
export function hasClock({ frame, nowMs }: Moment): boolean {
  const now = frame.context.get('now');
  return typeof now === 'object' && now.kind === 'datetime' && now.epochMs === nowMs;
}

/** When the user signed in, if `context.auth.ageSeconds` is the age of that; `undefined` where the two do not agree. */
export function signInMs({ frame, nowMs }: Moment): number | undefined {
  const auth = recordAt(frame.context, 'auth');
  const time = auth?.get('time');
  if (typeof time !== 'object' || time.kind !== 'datetime' || typeof time.epochMs !== 'number') return undefined;
  const age = Math.max(0, Math.floor((nowMs - time.epochMs) / 1000));
  return auth?.get('ageSeconds') === age ? time.epochMs : undefined;
}

/** Local time now and from `atMs` on, the next full minute; `undefined` where the request has another local time. */
export function nextLocal({
  frame,
  nowMs,
  timeZone,
}: Moment): { readonly now: LocalTime; readonly next: LocalTime; readonly atMs: number } | undefined {
  const local = recordAt(frame.context, 'local');
  const minute = Math.floor(nowMs / MINUTE_MS);
  const now = localMinute(minute, timeZone);
  if (local === undefined) return undefined;
  for (const name of LOCAL_NAMES) if (local.get(name) !== now[name]) return undefined;
  return { now, next: localMinute(minute + 1, timeZone), atMs: (minute + 1) * MINUTE_MS };
}

const LOCAL_NAMES: readonly LocalName[] = ['hour', 'weekday', 'minuteOfDay'];

/** Two minutes a zone: asking the zone costs some µs, and every decision of a minute asks the same. */
const minutes = new Map<string, Map<number, LocalTime>>();

function localMinute(minute: number, timeZone = 'UTC'): LocalTime {
  let known = minutes.get(timeZone);
  if (known === undefined) {
    known = new Map();
    minutes.set(timeZone, known);
  }
  const cached = known.get(minute);
  if (cached !== undefined) return cached;
  const local = localTime(minute * MINUTE_MS, timeZone);
  if (known.size >= 4) known.clear();
  known.set(minute, local);
  return local;
}

function recordAt(record: CedarRecord, name: string): CedarRecord | undefined {
  const value: Value | undefined = record.get(name);
  return typeof value === 'object' && value.kind === 'record' ? value : undefined;
}
