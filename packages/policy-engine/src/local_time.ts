/** Wall-clock time at a place, for conditions on hours and weekdays. */

export interface LocalTime {
  /** 0 to 23. */
  readonly hour: number;
  /** ISO 8601: 1 is Monday, 7 is Sunday. */
  readonly weekday: number;
  /** 0 to 1439. */
  readonly minuteOfDay: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

interface Zone {
  readonly format: Intl.DateTimeFormat;
  minute: number;
  local: LocalTime;
}

/** Making a formatter costs 100 µs and asking it 2 µs; requests of one minute share the answer. There are about 600 zones. */
const zones = new Map<string, Zone>();

/** Whether `timeZone` is an IANA name that this machine knows. */
export function isTimeZone(timeZone: string): boolean {
  return zoneOf(timeZone) !== undefined;
}

/**
 * `timeZone`: IANA name from a release. Throws for one that this machine does not know, since any guess could open a
 * door outside its hours.
 */
export function localTime(nowMs: number, timeZone = 'UTC'): LocalTime {
  if (timeZone === 'UTC') return utcTime(nowMs);
  const zone = zoneOf(timeZone);
  if (zone === undefined) throw new Error(`unknown time zone \`${timeZone.slice(0, 64)}\``);
  const minute = Math.floor(nowMs / MINUTE_MS);
  if (zone.minute !== minute) {
    zone.local = readParts(zone.format, minute * MINUTE_MS);
    zone.minute = minute;
  }
  return zone.local;
}

/** Without the platform's calendar, whose data takes 10 ms to load. */
function utcTime(nowMs: number): LocalTime {
  const day = Math.floor(nowMs / DAY_MS);
  const minuteOfDay = Math.floor((nowMs - day * DAY_MS) / MINUTE_MS);
  // 1 January 1970 was a Thursday, the fourth day.
  const weekday = ((((day + 3) % 7) + 7) % 7) + 1;
  return { hour: Math.floor(minuteOfDay / 60), weekday, minuteOfDay };
}

function zoneOf(timeZone: string): Zone | undefined {
  const known = zones.get(timeZone);
  if (known !== undefined) return known;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    const zone = { format, minute: Number.NaN, local: { hour: 0, weekday: 1, minuteOfDay: 0 } };
    zones.set(timeZone, zone);
    return zone;
  } catch {
    return undefined;
  }
}

function readParts(format: Intl.DateTimeFormat, atMs: number): LocalTime {
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  const hour = Number(parts.get('hour'));
  return {
    hour,
    weekday: WEEKDAYS.indexOf(parts.get('weekday') ?? '') + 1,
    minuteOfDay: hour * 60 + Number(parts.get('minute')),
  };
}
