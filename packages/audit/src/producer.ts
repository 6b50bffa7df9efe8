/**
 * A producer numbers records, chains them into signed segments and hands these to its sink. `strict`: `append` resolves
 * when the sink has the record durably; records that arrive meanwhile share the next segment (group commit). `batched`:
 * `append` returns at once and the sink has it within the window.
 */
import { canonicalJson } from '@postern/canonical-json';
import type { PublicJwk, Signer } from '@postern/keys';
import { jwkFromSpki } from '@postern/keys';
import type { Clock } from '@postern/store';
import { type AuditRecord, boundRecord, type RecordBody } from './record.ts';
import { digestOfSegment, MAX_SEGMENT_PAYLOAD_BYTES, signSegment } from './segment.ts';

export interface SegmentSink {
  /** Durable when it resolves. A throw leaves the records with the producer, which tries again. */
  write(segment: { readonly jws: string; readonly from: number; readonly to: number }): Promise<void>;
}

export interface Producer {
  readonly id: string;
  /** The key that its segments are verified with. */
  readonly key: PublicJwk;
  /** `id`: of a decision; a new one when absent. Rejects in strict mode when the sink cannot take it. */
  append(body: RecordBody, id?: string): Promise<AuditRecord>;
  /** Resolves when everything appended so far is durable. */
  flush(): Promise<void>;
  /** Number of the last record appended. */
  last(): number;
  /** Flushes and says that nothing comes after. */
  close(): Promise<void>;
}

/** Batched records are with the sink this much later at most. */
export const BATCH_WINDOW_MS = 1000;
/** A batch is not left to grow without bound when the window is long and the load high. */
const MAX_BATCH_RECORDS = 256;
/** Records kept while the sink refuses; beyond it `append` rejects, so that a strict caller denies. */
const MAX_PENDING_RECORDS = 100_000;
/** Header, digests and numbers of a segment. */
const SEGMENT_OVERHEAD_BYTES = 1024;

export function createProducer(ports: {
  readonly id: string;
  readonly signer: Signer;
  readonly sink: SegmentSink;
  readonly clock: Clock;
  readonly mode: 'strict' | 'batched';
  /** UUIDv7. */
  readonly createId: () => string;
  /** A batched record could not be handed on yet. */
  readonly onFault?: (fault: unknown) => void;
}): Producer {
  const { id: producer, signer, sink, clock } = ports;
  let number = 0;
  let previous = '';
  let pending: AuditRecord[] = [];
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  /** Takes as many records as fit into one segment. */
  function takeBatch(): AuditRecord[] {
    let bytes = SEGMENT_OVERHEAD_BYTES;
    let count = 0;
    while (count < pending.length && count < MAX_BATCH_RECORDS) {
      bytes += canonicalJson(pending[count]).length * 1.01 + 1;
      if (bytes > MAX_SEGMENT_PAYLOAD_BYTES && count > 0) break;
      count += 1;
    }
    return pending.slice(0, count);
  }

  async function writeOne(records: readonly AuditRecord[], closed: boolean): Promise<void> {
    const from = records[0]?.number ?? number + 1;
    const to = from + records.length - 1;
    const jws = await signSegment({ producer, from, to, previous, records, ...(closed ? { closed: true as const } : {}) }, signer);
    await sink.write({ jws, from, to });
    previous = digestOfSegment(jws);
    pending = pending.slice(records.length);
  }

  async function drain(): Promise<void> {
    while (pending.length > 0) await writeOne(takeBatch(), false);
  }

  /** One writer at a time keeps the chain a chain; whoever waits is covered by the run that follows. */
  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const target = number;
    const isCovered = () => pending.length === 0 || (pending[0] as AuditRecord).number > target;
    while (!isCovered()) {
      writing ??= drain().finally(() => {
        writing = undefined;
      });
      await writing;
    }
  }

  function scheduleFlush(): void {
    timer ??= setTimeout(() => {
      flush().catch((fault) => {
        ports.onFault?.(fault);
        if (pending.length > 0) scheduleFlush();
      });
    }, BATCH_WINDOW_MS);
  }

  return {
    id: producer,
    key: jwkFromSpki(signer.spki),
    flush,
    last: () => number,
    async append(body, id) {
      if (isClosed) throw new Error(`producer ${producer} is closed`);
      if (pending.length >= MAX_PENDING_RECORDS) throw new Error(`producer ${producer} holds ${pending.length} records that nobody takes`);
      number += 1;
      const record = { v: 1, id: id ?? ports.createId(), producer, number, atMs: clock.nowMs(), ...boundRecord(body) } as AuditRecord;
      pending.push(record);
      if (ports.mode === 'strict') await flush();
      else scheduleFlush();
      return record;
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await flush();
      await writeOne([], true);
    },
  };
}
