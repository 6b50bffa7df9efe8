/** Search: index items that are derived from segments, and the queries over them. */
import type { Condition, Item, Key, Table } from '@postern/store';
import type { AuditRecord, RecordKind } from './record.ts';
import { isRecordId } from './record_bounds.ts';

/** Searchable this long; then the archive (the segments) is what remains. */
const HOT_SECONDS = 90 * 24 * 60 * 60;
const DAY_MS = 24 * 60 * 60 * 1000;
/** A producer's clock may be ahead of ours by this much. */
const SKEW_MS = 60_000;
/** Records looked at for one page of a filtered search. */
const MAX_SCANNED = 5000;
const SCAN_PAGE_ITEMS = 200;
/** Of two items a record; with records of 16 KiB far below what a transaction holds. */
const RECORDS_PER_TRANSACTION = 50;

const dayKey = (atMs: number) => `record-day#${new Date(atMs).toISOString().slice(0, 10)}`;
const idKey = (id: string): Key => ({ pk: `record-id#${id}`, sk: 'place' });

/** Of one producer and number there is one record: written twice, it is there once. */
function timeKey(record: AuditRecord): Key {
  const sk = `${record.atMs.toString().padStart(15, '0')}#${record.producer}#${record.number.toString().padStart(16, '0')}`;
  return { pk: dayKey(record.atMs), sk };
}

/**
 * Makes records findable. Idempotent. An id leads to the record that was there first: a producer that repeats somebody
 * else's decision id does not come between that decision and whoever looks for it. Cost: two items a record, in
 * transactions of up to fifty records.
 */
export async function indexRecords(table: Table, records: readonly AuditRecord[]): Promise<void> {
  for (let start = 0; start < records.length; start += RECORDS_PER_TRANSACTION) {
    const some = records.slice(start, start + RECORDS_PER_TRANSACTION);
    const writes = indexWritesOf(some, some.length);
    if (writes !== undefined && (await table.transact(writes)).ok) continue;
    // Some are there already, or share an id: one by one, each where it can.
    for (const { put, condition } of some.flatMap(indexWrites)) await table.put(put, condition);
  }
}

type IndexWrite = { readonly put: Item; readonly condition?: Condition };

/** For a transaction of the caller's; undefined where there are more than `max` records, or two have one id. */
export function indexWritesOf(records: readonly AuditRecord[], max: number): readonly IndexWrite[] | undefined {
  const isOneEach = new Set(records.map(({ id }) => id)).size === records.length;
  return records.length <= max && isOneEach ? records.flatMap(indexWrites) : undefined;
}

function indexWrites(record: AuditRecord): readonly IndexWrite[] {
  const expiresAtSeconds = Math.floor(record.atMs / 1000) + HOT_SECONDS;
  const at = timeKey(record);
  return [
    { put: { ...at, attributes: { body: JSON.stringify(record) }, expiresAtSeconds } },
    { put: { ...idKey(record.id), attributes: { at: { ...at } }, expiresAtSeconds }, condition: { kind: 'absent' } },
  ];
}

export interface RecordQuery {
  readonly kind?: RecordKind;
  readonly outcome?: string;
  readonly service?: string;
  /** SPIFFE ID, or a user's subject. */
  readonly party?: string;
  /** Cursor of the page before. */
  readonly after?: string;
  /** 1 to 1,000; 50 when absent. */
  readonly limit?: number;
}

export interface RecordPage {
  /** Newest first. */
  readonly records: readonly AuditRecord[];
  readonly next?: string;
}

/**
 * Reads at most `MAX_SCANNED` items and 90 days; a page may be short and still have a `next`. A cursor that is none
 * (`after` is untrusted) begins at the newest.
 */
export async function listRecords(table: Table, query: RecordQuery, nowMs: number): Promise<RecordPage> {
  const limit = Math.min(1000, Math.max(1, query.limit ?? 50));
  const records: AuditRecord[] = [];
  let { dayMs, after } = parseCursor(query.after, nowMs);
  const oldest = nowMs - HOT_SECONDS * 1000;
  for (let scanned = 0; dayMs >= oldest && scanned < MAX_SCANNED; ) {
    const page = await table.query({ pk: dayKey(dayMs), reverse: true, after, limit: SCAN_PAGE_ITEMS });
    for (const item of page.items) {
      scanned += 1;
      const record = JSON.parse(String(item.attributes['body'])) as AuditRecord;
      if (isMatch(record, query)) records.push(record);
      if (records.length === limit) return { records, next: `${dayMs}/${item.sk}` };
    }
    after = page.next;
    if (after === undefined) dayMs -= DAY_MS;
  }
  return dayMs >= oldest ? { records, next: `${dayMs}/${after ?? ''}` } : { records };
}

/** `id`: untrusted. Two reads. */
export async function findRecord(table: Table, id: string): Promise<AuditRecord | undefined> {
  const pointer = isRecordId(id) ? await table.get(idKey(id)) : undefined;
  if (pointer === undefined) return undefined;
  const { pk, sk } = pointer.attributes['at'] as { readonly pk: string; readonly sk: string };
  const item = await table.get({ pk, sk });
  return item && (JSON.parse(String(item.attributes['body'])) as AuditRecord);
}

/** Never later than now: a cursor from the far future would be walked back day by day. */
function parseCursor(cursor: string | undefined, nowMs: number): { dayMs: number; after: string | undefined } {
  const newestMs = nowMs + SKEW_MS;
  const match = /^(\d{1,15})\/([\x21-\x7e]{0,400})$/.exec(cursor ?? '');
  if (match === null || Number(match[1]) > newestMs) return { dayMs: newestMs, after: undefined };
  return { dayMs: Number(match[1]), after: match[2] === '' ? undefined : match[2] };
}

function isMatch(record: AuditRecord, query: RecordQuery): boolean {
  if (query.kind !== undefined && record.kind !== query.kind) return false;
  if (query.outcome !== undefined && !('outcome' in record && record.outcome === query.outcome)) return false;
  if (query.service !== undefined && !(record.kind === 'decision' && record.service === query.service)) return false;
  return query.party === undefined || partiesOf(record).includes(query.party);
}

function partiesOf(record: AuditRecord): readonly (string | undefined)[] {
  switch (record.kind) {
    case 'decision':
      return [record.workload?.spiffeId, record.user?.subject, record.device?.id];
    case 'issuance-begin':
    case 'issuance-complete':
    case 'issuance-failed':
    case 'jwt-issued':
    case 'jwt-failed':
      return [record.spiffeId, record.requester];
    case 'entry-created':
    case 'entry-updated':
    case 'entry-deleted':
      return [record.spiffeId, record.parentId, record.by];
    case 'join':
      return [record.agentId];
    case 'posture-changed':
      return [record.deviceId];
    case 'signal-received':
      return [record.subject];
    case 'administrator-action':
    case 'revocation':
      return [record.subject, record.by];
    case 'release-published':
    case 'release-activated':
      return [record.by];
    case 'rollover-step':
      return [record.by];
    case 'refusal':
      return [record.caller];
    default:
      return [];
  }
}
