/**
 * The trail's ingest side. A segment is verified, stored once, and given its place by one conditional transaction on the
 * heads of the trail and of its producer; only then is it acknowledged. The index items that search reads follow; they
 * are derived, and written again when a producer repeats itself.
 *
 * Cost of a segment: two reads, one object, one transaction, an index item a record.
 */
import { createHash } from 'node:crypto';
import { accept, type Result, refuse } from '@postern/result';
import type { PublicJwk } from '@postern/keys';
import type { Item, Objects, Table } from '@postern/store';
import type { AuditRecord } from './record.ts';
import { indexItems } from './record_index.ts';
import { digestOfSegment, type Segment, type SegmentReason, verifySegment } from './segment.ts';

export type IngestReason = SegmentReason | 'producer-unknown' | 'producer-closed' | 'segment-gap' | 'segment-fork' | 'trail-busy';

export interface ProducerHead {
  readonly producer: string;
  readonly certificate: string;
  readonly key: PublicJwk;
  readonly owner: string;
  /** Last record number; 0 before the first. */
  readonly to: number;
  readonly digest: string;
  readonly isClosed: boolean;
}

export interface TrailEntry {
  /** Place in the trail, from 1. */
  readonly place: number;
  readonly producer: string;
  readonly from: number;
  readonly to: number;
  readonly digest: string;
}

export interface Trail {
  /** Idempotent. `certificate`: of `producer_certificate.ts`, verified by the caller. */
  openProducer(input: { producer: string; certificate: string; key: PublicJwk; owner: string }): Promise<void>;
  producer(id: string): Promise<ProducerHead | undefined>;
  producers(): Promise<readonly ProducerHead[]>;
  /** `jws`: untrusted. Repeating what is there already is no refusal. Answers the producer's last number here. */
  ingest(producer: string, jws: string): Promise<Result<number, IngestReason>>;
  entries(after: number, limit: number): Promise<readonly TrailEntry[]>;
  segment(entry: Pick<TrailEntry, 'producer' | 'from'>): Promise<string | undefined>;
}

const HEAD = { pk: 'trail', sk: 'head' };
const PRODUCERS = 'trail-producer';
const ENTRIES = 'trail-entry';
const MAX_TRIES = 16;

const producerKey = (id: string) => ({ pk: PRODUCERS, sk: id.slice(0, 500) });
const placeKey = (place: number) => ({ pk: ENTRIES, sk: place.toString().padStart(16, '0') });

/** Producer ids hold slashes and may hold anything an agent is called: the object's name has a digest instead. */
function segmentObject(producer: string, from: number): string {
  const name = createHash('sha256').update(producer).digest('hex').slice(0, 32);
  return `segments/${name}/${from.toString().padStart(16, '0')}.jws`;
}

export function createTrail(ports: { readonly table: Table; readonly objects: Objects }): Trail {
  const { table, objects } = ports;

  async function producer(id: string): Promise<ProducerHead | undefined> {
    const item = await table.get(producerKey(id));
    return item && headOf(item);
  }

  async function storeSegment(segment: Segment, jws: string): Promise<boolean> {
    const name = segmentObject(segment.producer, segment.from);
    const written = await objects.putIfAbsent(name, Buffer.from(jws, 'latin1'));
    if (written.ok) return true;
    const there = await objects.get(name);
    return there !== undefined && Buffer.from(there).toString('latin1') === jws;
  }

  async function commit(head: ProducerHead, segment: Segment, digest: string): Promise<boolean> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const size = Number((await table.get(HEAD))?.attributes['size'] ?? 0);
      const place = size + 1;
      const { producer: id, from, to } = segment;
      const written = await table.transact([
        {
          put: { ...HEAD, attributes: { size: place } },
          condition: size === 0 ? { kind: 'absent' } : { kind: 'equals', attribute: 'size', value: size },
        },
        { put: { ...placeKey(place), attributes: { producer: id, from, to, digest } }, condition: { kind: 'absent' } },
        {
          update: {
            ...producerKey(id),
            set: { to, digest, isClosed: segment.closed === true },
            condition: { kind: 'equals', attribute: 'digest', value: head.digest },
          },
        },
      ]);
      if (written.ok) return true;
      if ((await producer(id))?.digest !== head.digest) return false;
    }
    return false;
  }

  async function index(records: readonly AuditRecord[]): Promise<void> {
    for (const item of records.flatMap(indexItems)) await table.put(item);
  }

  return {
    producer,
    async openProducer({ producer: id, certificate, key, owner }) {
      const fresh = { certificate, key, owner, to: 0, digest: '', isClosed: false };
      await table.put({ ...producerKey(id), attributes: fresh }, { kind: 'absent' });
    },
    async producers() {
      const heads: ProducerHead[] = [];
      let after: string | undefined;
      do {
        const page = await table.query({ pk: PRODUCERS, after, limit: 1000 });
        heads.push(...page.items.map(headOf));
        after = page.next;
      } while (after !== undefined);
      return heads;
    },
    async ingest(id, jws) {
      const head = await producer(id);
      if (head === undefined) return refuse('producer-unknown');
      const verified = verifySegment(jws, { producer: id, key: head.key });
      if (!verified.ok) return verified;
      const segment = verified.value;
      if (segment.from <= head.to || (segment.from === head.to + 1 && digestOfSegment(jws) === head.digest)) {
        // Said before: the same bytes again, or another story about the same numbers.
        const there = await objects.get(segmentObject(id, segment.from));
        if (there === undefined || Buffer.from(there).toString('latin1') !== jws) return refuse('segment-fork');
        await index(segment.records);
        return accept(head.to);
      }
      if (head.isClosed) return refuse('producer-closed');
      if (segment.from > head.to + 1) return refuse('segment-gap', `expected ${head.to + 1}`);
      if (segment.previous !== head.digest) return refuse('segment-fork');
      if (!(await storeSegment(segment, jws))) return refuse('segment-fork');
      if (!(await commit(head, segment, digestOfSegment(jws)))) return refuse('trail-busy');
      await index(segment.records);
      return accept(segment.to);
    },
    async entries(after, limit) {
      const page = await table.query({ pk: ENTRIES, after: placeKey(after).sk, limit });
      return page.items.map((item) => ({ place: Number(item.sk), ...(item.attributes as unknown as Omit<TrailEntry, 'place'>) }));
    },
    async segment(entry) {
      const bytes = await objects.get(segmentObject(entry.producer, entry.from));
      return bytes && Buffer.from(bytes).toString('latin1');
    },
  };
}

function headOf(item: Item): ProducerHead {
  return { producer: item.sk, ...(item.attributes as unknown as Omit<ProducerHead, 'producer'>) };
}
