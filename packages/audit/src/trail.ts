/**
 * The trail's ingest side. A segment is verified, stored once, and given its place by one conditional transaction on the
 * heads of the trail and of its producer; only then is it acknowledged. The index items that search reads go with it, or
 * follow where they are too many; they are derived, and written again when a producer repeats itself.
 *
 * Cost of a segment: two reads, one object, and a transaction of three items and two index items a record.
 */
import { createHash } from 'node:crypto';
import { type PublicJwk, thumbprint } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { type Item, type Objects, StoreUnavailable, type Table } from '@postern/store';
import { type HeartbeatReason, verifyHeartbeat } from './heartbeat.ts';
import { isProducerId } from './record_bounds.ts';
import { indexRecords, indexWritesOf } from './record_index.ts';
import { digestOfSegment, type Segment, type SegmentReason, verifySegment } from './segment.ts';

export type IngestReason =
  | SegmentReason
  | 'producer-unknown'
  | 'producer-closed'
  | 'segment-gap'
  | 'segment-fork'
  | 'trail-busy';

export interface ProducerHead {
  readonly producer: string;
  readonly certificate: string;
  readonly key: PublicJwk;
  readonly owner: string;
  /** Last record number; 0 before the first. */
  readonly to: number;
  readonly digest: string;
  readonly isClosed: boolean;
  /** Last record number by the producer's own word, at least `to`: what lies between is missing. */
  readonly saidTo: number;
  /** Records that it counted and did not keep. */
  readonly dropped: number;
  /** The newest heartbeat, compact JWS. */
  readonly heartbeat?: string;
}

export type OpenReason = 'producer-id' | 'producer-taken';

export interface TrailEntry {
  /** Place in the trail, from 1. */
  readonly place: number;
  readonly producer: string;
  readonly from: number;
  readonly to: number;
  readonly digest: string;
}

export interface Trail {
  /**
   * Idempotent. `certificate`: of `producer_certificate.ts`, verified by the caller. `producer-taken`: another key was
   * opened under this id; nothing changed.
   */
  openProducer(input: {
    readonly producer: string;
    readonly certificate: string;
    readonly key: PublicJwk;
    readonly owner: string;
  }): Promise<Result<void, OpenReason>>;
  producer(id: string): Promise<ProducerHead | undefined>;
  producers(): Promise<readonly ProducerHead[]>;
  /** `jws`: untrusted. Repeating what is there already is no refusal. Answers the producer's last number here. */
  ingest(producer: string, jws: string): Promise<Result<number, IngestReason>>;
  /** `jws`: untrusted. What says less than is known already changes nothing. Answers the last number said. */
  heartbeat(producer: string, jws: string): Promise<Result<number, HeartbeatReason | 'producer-unknown'>>;
  entries(after: number, limit: number): Promise<readonly TrailEntry[]>;
  segment(entry: Pick<TrailEntry, 'producer' | 'from'>): Promise<string | undefined>;
}

const HEAD = { pk: 'trail', sk: 'head' };
const PRODUCERS = 'trail-producer';
const ENTRIES = 'trail-entry';
/** Writers that meet at the head try again this often; each try means that another one got through. */
const MAX_TRIES = 16;
/** Records whose index items fit into one transaction with the heads. */
const INDEXED_WITH_SEGMENT = 40;
/** Only the producer's own segments move its head: a race is a segment delivered twice at once. */
const MAX_RACES = 4;

const producerKey = (id: string) => ({ pk: PRODUCERS, sk: id });
const placeKey = (place: number) => ({ pk: ENTRIES, sk: place.toString().padStart(16, '0') });

/** Producer ids hold slashes and may hold anything an agent is called: the object's name has a digest instead. */
function segmentObject(producer: string, from: number): string {
  const name = createHash('sha256').update(producer).digest('hex').slice(0, 32);
  return `segments/${name}/${from.toString().padStart(16, '0')}.jws`;
}

export function createTrail(ports: { readonly table: Table; readonly objects: Objects }): Trail {
  const { table, objects } = ports;

  async function producer(id: string): Promise<ProducerHead | undefined> {
    const item = isProducerId(id) ? await table.get(producerKey(id)) : undefined;
    return item && headOf(item);
  }

  async function storeSegment(segment: Segment, jws: string): Promise<boolean> {
    const name = segmentObject(segment.producer, segment.from);
    const written = await objects.putIfAbsent(name, Buffer.from(jws, 'latin1'));
    if (written.ok) return true;
    const there = await objects.get(name);
    return there !== undefined && Buffer.from(there).toString('latin1') === jws;
  }

  /** `indexed`: and its records can be found. */
  async function commit(
    head: ProducerHead,
    segment: Segment,
    digest: string,
  ): Promise<'committed' | 'indexed' | 'raced' | 'busy'> {
    const { producer: id, from, to } = segment;
    let index = indexWritesOf(segment.records, INDEXED_WITH_SEGMENT);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const size = Number((await table.get(HEAD))?.attributes['size'] ?? 0);
      const place = size + 1;
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
        ...(index ?? []),
      ]);
      if (written.ok) return index === undefined ? 'committed' : 'indexed';
      if ((await producer(id))?.digest !== head.digest) return 'raced';
      // It was the head, or a record's id is somebody's already: that keeps no segment out.
      index = undefined;
    }
    return 'busy';
  }

  /** `raced`: somebody else moved the producer's head meanwhile, perhaps with this very segment. */
  async function ingestOnce(id: string, jws: string): Promise<Result<number, IngestReason> | 'raced'> {
    const head = await producer(id);
    if (head === undefined) return refuse('producer-unknown');
    const verified = verifySegment(jws, { producer: id, key: head.key });
    if (!verified.ok) return verified;
    const segment = verified.value;
    const digest = digestOfSegment(jws);
    if (segment.from <= head.to || digest === head.digest) {
      // Said before: the same bytes again, or another story about the same numbers.
      const there = await objects.get(segmentObject(id, segment.from));
      if (there === undefined || Buffer.from(there).toString('latin1') !== jws) return refuse('segment-fork');
      await indexRecords(table, segment.records);
      return accept(head.to);
    }
    if (head.isClosed) return refuse('producer-closed');
    if (segment.from > head.to + 1) return refuse('segment-gap', `expected ${head.to + 1}`);
    if (segment.previous !== head.digest) return refuse('segment-fork');
    if (!(await storeSegment(segment, jws))) return refuse('segment-fork');
    const committed = await commit(head, segment, digest);
    if (committed === 'raced') return 'raced';
    if (committed === 'busy') return refuse('trail-busy');
    if (committed !== 'indexed') await indexRecords(table, segment.records);
    return accept(segment.to);
  }

  return {
    producer,
    async openProducer({ producer: id, certificate, key, owner }) {
      if (!isProducerId(id)) return refuse('producer-id');
      const fresh = { certificate, key, owner, to: 0, digest: '', isClosed: false, saidTo: 0, dropped: 0 };
      const opened = await table.put({ ...producerKey(id), attributes: fresh }, { kind: 'absent' });
      if (opened.ok) return accept(undefined);
      const there = await producer(id);
      return there !== undefined && thumbprint(there.key) === thumbprint(key)
        ? accept(undefined)
        : refuse('producer-taken');
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
      for (let tries = 0; tries < MAX_RACES; tries++) {
        const outcome = await ingestOnce(id, jws);
        if (outcome !== 'raced') return outcome;
      }
      return refuse('trail-busy');
    },
    async heartbeat(id, jws) {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const item = isProducerId(id) ? await table.get(producerKey(id)) : undefined;
        if (item === undefined) return refuse('producer-unknown');
        const verified = verifyHeartbeat(jws, { producer: id, key: headOf(item).key });
        if (!verified.ok) return verified;
        // Neither number ever falls: an old heartbeat, replayed, hides nothing.
        const [saidTo, dropped] = [Number(item.attributes['saidTo']), Number(item.attributes['dropped'])];
        const { last, dropped: nowDropped } = verified.value;
        if (last < saidTo || nowDropped < dropped || (last === saidTo && nowDropped === dropped)) return accept(saidTo);
        const moved = await table.update({
          ...producerKey(id),
          set: { saidTo: last, dropped: nowDropped, heartbeat: jws },
          condition: { kind: 'equals', attribute: 'saidTo', value: saidTo },
        });
        if (moved.ok) return accept(last);
      }
      throw new StoreUnavailable('a heartbeat met others at every try');
    },
    async entries(after, limit) {
      const page = await table.query({ pk: ENTRIES, after: placeKey(after).sk, limit });
      return page.items.map((item) => ({
        place: Number(item.sk),
        ...(item.attributes as unknown as Omit<TrailEntry, 'place'>),
      }));
    },
    async segment(entry) {
      const bytes = await objects.get(segmentObject(entry.producer, entry.from));
      return bytes && Buffer.from(bytes).toString('latin1');
    },
  };
}

function headOf(item: Item): ProducerHead {
  const head = item.attributes as unknown as Omit<ProducerHead, 'producer'>;
  return { ...head, producer: item.sk, saidTo: Math.max(head.saidTo, head.to) };
}
