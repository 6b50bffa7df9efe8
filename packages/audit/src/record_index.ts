/** Search: index items that are derived from segments, and the queries over them. */
import type { Item, Table } from '@postern/store';
import type { AuditRecord, RecordKind } from './record.ts';

/** Searchable this long; then the archive (the segments) is what remains. */
const HOT_SECONDS = 90 * 24 * 60 * 60;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Records looked at for one page of a filtered search. */
const MAX_SCANNED = 5000;

const dayKey = (atMs: number) => `record-day#${new Date(atMs).toISOString().slice(0, 10)}`;
const timeKey = (record: AuditRecord) =>
  `${record.atMs.toString().padStart(15, '0')}#${record.producer.slice(0, 300)}#${record.number.toString().padStart(12, '0')}`;

/** One item by time and one by id; the second only points to the first. */
export function indexItems(record: AuditRecord): readonly Item[] {
  const expiresAtSeconds = Math.floor(record.atMs / 1000) + HOT_SECONDS;
  const pk = dayKey(record.atMs);
  const sk = timeKey(record);
  return [
    { pk, sk, attributes: { body: JSON.stringify(record) }, expiresAtSeconds },
    { pk: 'record-id', sk: record.id, attributes: { at: { pk, sk } }, expiresAtSeconds },
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

/** Reads at most `MAX_SCANNED` items and 90 days; a page may be short and still have a `next`. */
export async function listRecords(table: Table, query: RecordQuery, nowMs: number): Promise<RecordPage> {
  const limit = Math.min(1000, Math.max(1, query.limit ?? 50));
  const records: AuditRecord[] = [];
  let [day, after] = parseCursor(query.after) ?? [nowMs, undefined];
  const oldest = nowMs - HOT_SECONDS * 1000;
  for (let scanned = 0; day >= oldest && scanned < MAX_SCANNED; ) {
    const page = await table.query({ pk: dayKey(day), reverse: true, after, limit: 200 });
    for (const item of page.items) {
      scanned += 1;
      const record = JSON.parse(String(item.attributes['body'])) as AuditRecord;
      if (isMatch(record, query)) records.push(record);
      if (records.length === limit) return { records, next: `${day}/${item.sk}` };
    }
    after = page.next;
    if (after === undefined) day -= DAY_MS;
  }
  return day >= oldest ? { records, next: `${day}/${after ?? ''}` } : { records };
}

export async function findRecord(table: Table, id: string): Promise<AuditRecord | undefined> {
  const pointer = await table.get({ pk: 'record-id', sk: id.slice(0, 64) || '-' });
  if (pointer === undefined) return undefined;
  const { pk, sk } = pointer.attributes['at'] as { readonly pk: string; readonly sk: string };
  const item = await table.get({ pk, sk });
  return item && (JSON.parse(String(item.attributes['body'])) as AuditRecord);
}

function parseCursor(cursor: string | undefined): [number, string | undefined] | undefined {
  const match = /^(\d{1,15})\/(.*)$/.exec(cursor ?? '');
  return match ? [Number(match[1]), match[2] === '' ? undefined : match[2]] : undefined;
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
      return [record.spiffeId, record.requester];
    case 'join':
      return [record.agentId];
    default:
      return [];
  }
}
