/** What a device-management source says of a device, and the rule by which it becomes a fact. */
import { accept, type Result, refuse } from '@postern/result';

/** A source whose clock runs ahead would otherwise lock out its own later observations. */
const OBSERVATION_SKEW_MS = 60_000;
const MAX_DEVICE_ID_LENGTH = 256;
const MAX_TEXT_LENGTH = 128;

export interface PostureReport {
  readonly deviceId: string;
  readonly observedAtMs: number;
  readonly compliant: boolean;
  readonly managed: boolean;
  readonly diskEncrypted?: boolean;
  readonly platform?: string;
  readonly osVersion?: string;
  readonly source?: string;
}

export type PostureReportReason = 'posture-malformed' | 'posture-observed-in-future';

/** Reads the JSON body. Members it does not know are ignored, so that a source may say more than we use. */
export function parsePostureReport(body: Uint8Array, nowMs: number): Result<PostureReport, PostureReportReason> {
  const value = parseObject(body);
  if (value === undefined) return refuse('posture-malformed', 'not a JSON object');
  const { deviceId, observedAt, compliant, managed, diskEncrypted, platform, osVersion, source } = value;

  if (!isText(deviceId, MAX_DEVICE_ID_LENGTH)) return refuse('posture-malformed', 'deviceId');
  const observedAtMs = typeof observedAt === 'string' ? parseRfc3339(observedAt) : undefined;
  if (observedAtMs === undefined) return refuse('posture-malformed', 'observedAt');
  if (typeof compliant !== 'boolean') return refuse('posture-malformed', 'compliant');
  if (managed !== undefined && typeof managed !== 'boolean') return refuse('posture-malformed', 'managed');
  if (diskEncrypted !== undefined && typeof diskEncrypted !== 'boolean')
    return refuse('posture-malformed', 'diskEncrypted');
  if (platform !== undefined && !isText(platform, MAX_TEXT_LENGTH)) return refuse('posture-malformed', 'platform');
  if (osVersion !== undefined && !isText(osVersion, MAX_TEXT_LENGTH)) return refuse('posture-malformed', 'osVersion');
  if (source !== undefined && !isText(source, MAX_TEXT_LENGTH)) return refuse('posture-malformed', 'source');
  if (observedAtMs > nowMs + OBSERVATION_SKEW_MS) return refuse('posture-observed-in-future');

  return accept({
    deviceId,
    observedAtMs,
    compliant,
    managed: managed ?? false,
    ...(diskEncrypted !== undefined && { diskEncrypted }),
    ...(platform !== undefined && { platform }),
    ...(osVersion !== undefined && { osVersion }),
    ...(source !== undefined && { source }),
  });
}

function parseObject(body: Uint8Array): { readonly [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as { readonly [name: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength && !/[\p{Cc}\p{Cf}]/u.test(value);
}

/** RFC 3339 `date-time`; the calendar is checked too, since `Date.parse` would turn 30 February into March. */
function parseRfc3339(text: string): number | undefined {
  const match =
    /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):([0-5]\d):([0-5]\d)(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour] = match.slice(1, 5).map(Number) as [number, number, number, number];
  const calendar = new Date(Date.UTC(year, month - 1, day, hour));
  const isOnCalendar = calendar.getUTCMonth() === month - 1 && calendar.getUTCDate() === day && hour <= 23;
  const atMs = Date.parse(text);
  return isOnCalendar && atMs >= 0 ? atMs : undefined;
}

/** A posture as the feed carries it (`posture` fact); structural, so that identity needs to know nothing of the feed. */
export interface ObservedPosture {
  readonly kind: 'posture';
  readonly subject: string;
  readonly observedAtMs: number;
  readonly expiresAtMs: number;
  readonly source: string;
  readonly compliant: boolean;
  readonly managed: boolean;
  readonly diskEncrypted?: boolean;
  readonly platform?: string;
  readonly osVersion?: string;
}

/**
 * The fact a report makes. `source`: as configured for the secret that signed it, never as the report says of itself;
 * `maxAgeSeconds`: how long this source's word counts after the observation. Past it the posture is unknown.
 */
export function createPosture(
  report: PostureReport,
  source: { readonly name: string; readonly maxAgeSeconds: number },
): ObservedPosture {
  const { deviceId, observedAtMs, compliant, managed, diskEncrypted, platform, osVersion } = report;
  return {
    kind: 'posture',
    subject: deviceId,
    observedAtMs,
    expiresAtMs: observedAtMs + source.maxAgeSeconds * 1000,
    source: source.name,
    compliant,
    managed,
    ...(diskEncrypted !== undefined && { diskEncrypted }),
    ...(platform !== undefined && { platform }),
    ...(osVersion !== undefined && { osVersion }),
  };
}

/**
 * Whether `next` may take `current`'s place: only a newer observation may, and of two from the same instant only the
 * one that says less of the device. So neither a replayed nor a late delivery turns a device compliant again.
 */
export function supersedesPosture(
  next: Pick<ObservedPosture, 'observedAtMs' | 'compliant'>,
  current: Pick<ObservedPosture, 'observedAtMs' | 'compliant'> | undefined,
): boolean {
  if (current === undefined || next.observedAtMs > current.observedAtMs) return true;
  return next.observedAtMs === current.observedAtMs && current.compliant && !next.compliant;
}
