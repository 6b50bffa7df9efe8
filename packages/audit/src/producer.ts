/**
 * A producer numbers records, chains them into signed segments and hands these to its sink. `strict`: `append` resolves
 * when the sink has the record durably; records that arrive meanwhile share the next segment (group commit). `batched`:
 * `append` returns at once and the sink has it within the window; while the sink refuses or is late it is strict, so that
 * never more than two windows (two seconds) of what was answered for is in memory only.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PublicJwk, Signer } from '@postern/keys';
import { jwkFromSpki } from '@postern/keys';
import type { Clock } from '@postern/store';
import { signHeartbeat } from './heartbeat.ts';
import type { AuditRecord, ProducerVoucher, RecordBody } from './record.ts';
import { createRecord, isProducerId, isRecordId } from './record_bounds.ts';
import { digestOfSegment, MAX_SEGMENT_PAYLOAD_BYTES, signSegment } from './segment.ts';

export interface SegmentSink {
  /**
   * Durable when it resolves. After a throw the same segment comes again, byte for byte: it may have been taken and only
   * the answer lost.
   */
  write(segment: { readonly jws: string; readonly from: number; readonly to: number }): Promise<void>;
}

export interface Producer {
  readonly id: string;
  /** The key that its segments are verified with. */
  readonly key: PublicJwk;
  /**
   * `id`: of a decision; a new one when absent. Rejects, in strict mode or while the sink is behind, when the sink cannot
   * take it: it then still goes out with the next that it takes, so that a record may tell of an answer that was never given, and never the reverse.
   * Rejects without a record when it is closed, full (`ProducerFull`), or handed what no record can hold.
   */
  append(body: RecordBody, id?: string): Promise<AuditRecord>;
  /**
   * For callers that go on without a record: does not wait, and when the producer is full counts instead. The count is a
   * `drop` record at the place where records are missing. Answers whether the record was kept.
   */
  offer(body: RecordBody, id?: string): boolean;
  /** Resolves when everything appended so far is durable. */
  flush(): Promise<void>;
  /** Number of the last record appended. */
  last(): number;
  /** A signed statement of the last number, to be sent apart from segments. Cost: one signature. */
  heartbeat(): Promise<string>;
  /** Flushes and says that nothing comes after. When it rejects, it can be called again. */
  close(): Promise<void>;
}

/** The sink has not taken records for so long that no more can be held. */
export class ProducerFull extends Error {
  override readonly name = 'ProducerFull';
}

/** A batch goes to the sink this long after its first record. */
export const BATCH_WINDOW_MS = 1000;
/** A batched record that is not with the sink by then: from here on answers wait for it. */
const LATE_AFTER_MS = 2 * BATCH_WINDOW_MS;
/** A batch is not left to grow without bound when the window is long and the load high. */
const MAX_BATCH_RECORDS = 256;
/** Kept while the sink refuses: minutes of a busy node, and memory that it can spare. */
const MAX_PENDING_RECORDS = 100_000;
const MAX_PENDING_BYTES = 64 * 1024 * 1024;
/** Header, digests and numbers of a segment. */
const SEGMENT_OVERHEAD_BYTES = 1024;

interface PendingRecord {
  readonly number: number;
  readonly atMs: number;
  readonly text: string;
  readonly bytes: number;
}

interface SignedSegment {
  readonly jws: string;
  readonly from: number;
  readonly to: number;
  readonly records: number;
  readonly bytes: number;
}

export function createProducer(ports: {
  /** 1 to 300 of visible ASCII; never used before, by anybody. */
  readonly id: string;
  readonly signer: Signer;
  readonly sink: SegmentSink;
  readonly clock: Clock;
  readonly mode: 'strict' | 'batched';
  /** UUIDv7. */
  readonly createId: () => string;
  /** When given, the first record says who vouches for the key. */
  readonly voucher?: ProducerVoucher;
  readonly maxPendingRecords?: number;
  /** A batched record could not be handed on yet. */
  readonly onFault?: (fault: unknown) => void;
}): Producer {
  const { id: producer, signer, sink, clock } = ports;
  if (!isProducerId(producer)) throw new RangeError('not a producer id');
  const maxPendingRecords = ports.maxPendingRecords ?? MAX_PENDING_RECORDS;
  let number = 0;
  let previous = '';
  let pending: PendingRecord[] = [];
  let pendingBytes = 0;
  /** Signed, and perhaps taken: only these bytes may ever be sent for their numbers, or the chain would fork. */
  let unsent: SignedSegment | undefined;
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  /** The last write failed. */
  let isRefused = false;
  let dropped = 0;
  let gap: { count: number; firstAtMs: number; lastAtMs: number } | undefined;

  const isBehind = () => isRefused || clock.nowMs() - (pending[0]?.atMs ?? Number.POSITIVE_INFINITY) > LATE_AFTER_MS;
  const isFull = () => pending.length >= maxPendingRecords || pendingBytes >= MAX_PENDING_BYTES;

  function enqueue(body: RecordBody, id: string = ports.createId()): AuditRecord {
    if (!isRecordId(id)) throw new RangeError('not a record id');
    const header = { v: 1, id, producer, number: number + 1, atMs: Math.trunc(clock.nowMs()) } as const;
    const { record, text } = createRecord(header, body);
    const bytes = Buffer.byteLength(text) + 1;
    number += 1;
    pending.push({ number, atMs: record.atMs, text, bytes });
    pendingBytes += bytes;
    return record;
  }

  function enqueueDrops(): void {
    if (gap === undefined) return;
    enqueue({ kind: 'drop', ...gap });
    gap = undefined;
  }

  /** As many records as fit into one segment, signed. */
  async function signNext(): Promise<SignedSegment> {
    let bytes = 0;
    let count = 0;
    for (const record of pending.slice(0, MAX_BATCH_RECORDS)) {
      if (count > 0 && SEGMENT_OVERHEAD_BYTES + bytes + record.bytes > MAX_SEGMENT_PAYLOAD_BYTES) break;
      bytes += record.bytes;
      count += 1;
    }
    const records = pending.slice(0, count);
    const from = (records[0] as PendingRecord).number;
    const to = from + count - 1;
    const closed = isClosed && to === number ? { closed: true as const } : {};
    const header = { producer, from, to, previous, ...closed };
    const texts = records.map((record) => record.text);
    return { jws: await signSegment(header, texts, signer), from, to, records: count, bytes };
  }

  async function drain(): Promise<void> {
    // Whatever is recorded in the same moment goes into the same segment.
    if (ports.mode === 'strict') await nextTurn();
    while (pending.length > 0) {
      unsent ??= await signNext();
      const { jws, from, to, records, bytes } = unsent;
      try {
        await sink.write({ jws, from, to });
        isRefused = false;
      } catch (fault) {
        isRefused = true;
        throw fault;
      }
      previous = digestOfSegment(jws);
      unsent = undefined;
      pending = pending.slice(records);
      pendingBytes -= bytes;
    }
  }

  /** One writer at a time keeps the chain a chain; whoever waits is covered by the run that follows. */
  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const target = number;
    const isCovered = () => pending.length === 0 || (pending[0] as PendingRecord).number > target;
    try {
      while (!isCovered()) {
        writing ??= drain().finally(() => {
          writing = undefined;
        });
        await writing;
      }
    } catch (fault) {
      // What was numbered goes out even if nobody appends again.
      scheduleFlush().unref();
      throw fault;
    }
  }

  function scheduleFlush(): NodeJS.Timeout {
    timer ??= setTimeout(() => {
      timer = undefined;
      flush().catch((fault) => ports.onFault?.(fault));
    }, BATCH_WINDOW_MS);
    return timer;
  }

  if (ports.voucher !== undefined) enqueue({ kind: 'producer-opened', voucher: ports.voucher, mode: ports.mode });

  return {
    id: producer,
    key: jwkFromSpki(signer.spki),
    flush,
    last: () => number,
    async append(body, id) {
      if (isClosed) throw new Error(`producer ${producer} is closed`);
      if (isFull()) throw new ProducerFull(`producer ${producer} holds ${pending.length} records that nobody takes`);
      enqueueDrops();
      const record = enqueue(body, id);
      if (ports.mode === 'strict' || isBehind()) await flush();
      else scheduleFlush();
      return record;
    },
    offer(body, id) {
      if (isClosed) throw new Error(`producer ${producer} is closed`);
      if (isFull()) {
        const atMs = clock.nowMs();
        gap = { count: (gap?.count ?? 0) + 1, firstAtMs: gap?.firstAtMs ?? atMs, lastAtMs: atMs };
        dropped += 1;
        return false;
      }
      enqueueDrops();
      enqueue(body, id);
      if (ports.mode === 'strict') flush().catch((fault) => ports.onFault?.(fault));
      else scheduleFlush();
      return true;
    },
    async heartbeat() {
      return signHeartbeat({ producer, last: number, dropped, atMs: clock.nowMs() }, signer);
    },
    async close() {
      if (!isClosed) {
        enqueueDrops();
        enqueue({ kind: 'producer-closed', dropped });
        isClosed = true;
      }
      await flush();
    },
  };
}
