/** What a record may hold: bounded texts, lists and depth, so that no input can make the trail grow; no query strings. */
import { canonicalJson } from '@postern/canonical-json';
import type { AuditRecord, RecordBody, RecordHeader } from './record.ts';

/** A few of these fit into one segment; a decision takes about 1 KiB. */
export const MAX_RECORD_BYTES = 16 * 1024;
export const MAX_PRODUCER_ID_LENGTH = 300;
const MAX_DEPTH = 6;
const MAX_MEMBERS = 64;
/** The end of year 9999: later times have no place in an index by day. */
const MAX_AT_MS = 253_402_300_799_999;

interface Limits {
  readonly textLength: number;
  readonly listLength: number;
}

/** Tried in turn until the record fits. */
const STEPS: readonly Limits[] = [
  { textLength: 4096, listLength: 64 },
  { textLength: 1024, listLength: 32 },
  { textLength: 256, listLength: 16 },
  { textLength: 64, listLength: 8 },
  { textLength: 32, listLength: 2 },
];

/** Visible ASCII: it is a key in stores and logs. */
export function isRecordId(id: unknown): id is string {
  return typeof id === 'string' && /^[\x21-\x7e]{1,128}$/.test(id);
}

export function isProducerId(id: unknown): id is string {
  return typeof id === 'string' && id.length <= MAX_PRODUCER_ID_LENGTH && /^[\x21-\x7e]+$/.test(id);
}

/** Cuts what is too long, so that no input can make a record grow; what was cut ends in `…`. */
export function boundRecord<T>(value: T): T {
  return boundedWith(value, (bounded) => bounded).value as T;
}

/** A record and its canonical JSON. Throws for what no record can hold: a number that is not finite, bytes, a function. */
export function createRecord(
  header: RecordHeader,
  body: RecordBody,
): { readonly record: AuditRecord; readonly text: string } {
  const { value, text } = boundedWith(body, (bounded) => ({ ...(bounded as RecordBody), ...header }));
  return { record: value as AuditRecord, text };
}

function boundedWith(
  value: unknown,
  complete: (bounded: unknown) => unknown,
): { readonly value: unknown; readonly text: string } {
  for (const limits of STEPS) {
    const budget = { length: MAX_RECORD_BYTES };
    const bounded = bound(value, limits, budget, 0);
    if (budget.length < 0) continue;
    const whole = complete(withoutQuery(bounded));
    const text = canonicalJson(whole);
    if (Buffer.byteLength(text) <= MAX_RECORD_BYTES) return { value: whole, text };
  }
  throw new RangeError('a record that cannot be cut to its bound');
}

/** `budget`: what may still come; once it is overdrawn the rest is not looked at, so that a huge input costs little. */
function bound(value: unknown, limits: Limits, budget: { length: number }, depth: number): unknown {
  if (budget.length < 0) return undefined;
  if (typeof value === 'string') {
    const text = boundText(value, limits.textLength);
    budget.length -= text.length + 2;
    return text;
  }
  budget.length -= 1;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) {
    return value.slice(0, limits.listLength).map((element) => bound(element, limits, budget, depth + 1));
  }
  const prototype = Object.getPrototypeOf(value);
  // Left as it is for canonicalJson to refuse: bytes and dates have no place in a record.
  if (prototype !== Object.prototype && prototype !== null) return value;
  const members = Object.entries(value).slice(0, MAX_MEMBERS);
  return Object.fromEntries(members.map(([name, member]) => [name, bound(member, limits, budget, depth + 1)]));
}

function boundText(value: string, maxLength: number): string {
  return value.length <= maxLength ? value.toWellFormed() : `${value.slice(0, maxLength - 1).toWellFormed()}…`;
}

/** A path is recorded without its query, whatever the caller handed over: queries carry tokens. */
function withoutQuery(body: unknown): unknown {
  const path = (body as { readonly path?: unknown } | null)?.path;
  if (typeof path !== 'string') return body;
  const end = path.search(/[?#]/);
  return end < 0 ? body : { ...(body as object), path: path.slice(0, end) };
}

/** What every record has, whoever made it and whatever kind a newer version adds. `value`: from an untrusted producer. */
export function isRecord(value: unknown): value is AuditRecord {
  const record = value as Partial<AuditRecord> | null;
  return (
    typeof record === 'object' &&
    record !== null &&
    record.v === 1 &&
    isRecordId(record.id) &&
    isProducerId(record.producer) &&
    Number.isSafeInteger(record.number) &&
    (record.number as number) >= 1 &&
    Number.isSafeInteger(record.atMs) &&
    (record.atMs as number) >= 0 &&
    (record.atMs as number) <= MAX_AT_MS &&
    typeof record.kind === 'string' &&
    /^[a-z][a-z0-9-]{0,63}$/.test(record.kind)
  );
}
