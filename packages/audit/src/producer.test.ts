import { generateSoftwareSigner, jwkFromSpki, type Signer, SignerUnavailable } from '@postern/keys';
import { createManualClock } from '@postern/store/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { verifyHeartbeat } from './heartbeat.ts';
import { BATCH_WINDOW_MS, createProducer, ProducerFull } from './producer.ts';
import type { AuditRecord, RecordBody } from './record.ts';
import { digestOfSegment, MAX_SEGMENT_BYTES, type Segment, verifySegment } from './segment.ts';

const signer = generateSoftwareSigner('ES256');
const key = jwkFromSpki(signer.spki);
const clock = createManualClock();
let ids = 0;
const createId = () => `id-${++ids}`;
const refusal = (reason: string): RecordBody => ({ kind: 'refusal', door: 'issue', reason, count: 1 });

type Fate = 'taken' | 'refused' | 'taken-but-answer-lost';

/** A sink with a mind of its own, and a producer that writes to it. */
function createWorld(options: Partial<Parameters<typeof createProducer>[0]> = {}) {
  const taken: string[] = [];
  const fates: Fate[] = [];
  const faults: unknown[] = [];
  let isAway = false;
  let writes = 0;
  const sink = {
    async write({ jws }: { readonly jws: string }) {
      writes += 1;
      await Promise.resolve();
      const fate = isAway ? 'refused' : (fates.shift() ?? 'taken');
      if (fate !== 'refused' && !taken.includes(jws)) taken.push(jws);
      if (fate !== 'taken') throw new Error(fate);
    },
  };
  const onFault = (fault: unknown) => void faults.push(fault);
  const producer = createProducer({ id: 'p', signer, sink, clock, mode: 'strict', createId, onFault, ...options });
  const setAway = (away: boolean) => {
    isAway = away;
  };
  return { producer, taken, fates, faults, setAway, writes: () => writes };
}

/** Every record that was taken, after its numbers, chain and signatures are checked. */
function recordsIn(taken: readonly string[]): readonly AuditRecord[] {
  let previous = '';
  let number = 0;
  const segments = taken.map((jws): Segment => {
    const verified = verifySegment(jws, { producer: 'p', key });
    if (!verified.ok) throw new Error(verified.reason);
    expect(verified.value).toMatchObject({ previous, from: number + 1 });
    previous = digestOfSegment(jws);
    number = verified.value.to;
    return verified.value;
  });
  return segments.flatMap((segment) => segment.records);
}

const reasonsOf = (records: readonly AuditRecord[]) =>
  records.map((record) => (record.kind === 'refusal' ? record.reason : record.kind));

describe('a strict producer', () => {
  test('answers when the record is with the sink, and not before', async () => {
    const { producer, taken } = createWorld();
    const appended = producer.append(refusal('a'));
    expect(taken).toHaveLength(0);
    const record = await appended;
    expect(recordsIn(taken)).toEqual([record]);
  });

  test('numbers records in the order of the calls, whatever they wait for', async () => {
    const { producer, taken, writes } = createWorld();
    const names = Array.from({ length: 300 }, (_, index) => `r${index}`);
    const records = await Promise.all(names.map((name) => producer.append(refusal(name))));
    expect(records.map((record) => record.number)).toEqual(names.map((_, index) => index + 1));
    expect(reasonsOf(recordsIn(taken))).toEqual(names);
    expect(writes(), 'callers that wait together share a segment').toBeLessThan(6);
  });

  test('whose sink fails once rejects, and loses and repeats nothing', async () => {
    const { producer, taken, fates } = createWorld();
    await producer.append(refusal('a'));
    fates.push('refused');
    await expect(producer.append(refusal('b'))).rejects.toThrow('refused');
    await producer.append(refusal('c'));
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'b', 'c']);
  });

  test('does not fork its chain when a segment was taken and only the answer got lost', async () => {
    const { producer, taken, fates } = createWorld();
    fates.push('taken-but-answer-lost');
    await expect(producer.append(refusal('a'))).rejects.toThrow('taken-but-answer-lost');
    await Promise.all([producer.append(refusal('b')), producer.append(refusal('c'))]);
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'b', 'c']);
    expect(new Set(taken).size).toBe(taken.length);
  });

  test('keeps chain and numbers whole whatever the sink does, in a hundred random histories', async () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    for (let history = 0; history < 100; history++) {
      const { producer, taken, fates } = createWorld();
      const outcomes: Promise<unknown>[] = [];
      for (let index = 0; index < 20; index++) {
        const chance = random();
        if (chance < 0.3) fates.push('refused');
        else if (chance < 0.5) fates.push('taken-but-answer-lost');
        else fates.push('taken');
        const outcome = producer.append(refusal(`r${index}`)).catch(() => undefined);
        if (random() < 0.5) await outcome;
        outcomes.push(outcome);
      }
      await Promise.all(outcomes);
      fates.length = 0;
      await producer.close();
      const names = Array.from({ length: 20 }, (_, index) => `r${index}`);
      expect(reasonsOf(recordsIn(taken))).toEqual([...names, 'producer-closed']);
    }
  });

  test('whose signer is away rejects and has the record when it is back', async () => {
    let isAway = true;
    const flaky: Signer = {
      ...signer,
      async sign(message) {
        if (isAway) throw new SignerUnavailable('away');
        return signer.sign(message);
      },
    };
    const { producer, taken } = createWorld({ signer: flaky });
    await expect(producer.append(refusal('a'))).rejects.toThrow(SignerUnavailable);
    isAway = false;
    await producer.flush();
    expect(reasonsOf(recordsIn(taken))).toEqual(['a']);
  });

  test('a record that no trail can hold is refused without a number, and harms none that follow', async () => {
    const { producer, taken } = createWorld();
    const poison = { ...refusal('x'), count: Number.NaN } as RecordBody;
    await expect(producer.append(poison)).rejects.toThrow(TypeError);
    await expect(producer.append(refusal('x'), 'an id\nof two lines')).rejects.toThrow(RangeError);
    await producer.append(refusal('a'));
    expect(recordsIn(taken).map((record) => record.number)).toEqual([1]);
  });

  test('splits what does not fit into one segment, counted in bytes and not in characters', async () => {
    const { producer, taken } = createWorld();
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => producer.append(refusal(`${index}${'€'.repeat(4000)}`))),
    );
    expect(recordsIn(taken)).toHaveLength(100);
    for (const jws of taken) expect(jws.length).toBeLessThanOrEqual(MAX_SEGMENT_BYTES);
    expect(taken.length).toBeLessThan(60);
  });

  test('is full when the sink stays away, and says so, and goes on when it is back', async () => {
    const { producer, taken, setAway } = createWorld({ maxPendingRecords: 3 });
    setAway(true);
    for (const name of ['a', 'b', 'c']) await expect(producer.append(refusal(name))).rejects.toThrow('refused');
    await expect(producer.append(refusal('d'))).rejects.toThrow(ProducerFull);
    setAway(false);
    await producer.flush();
    await producer.append(refusal('e'));
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'b', 'c', 'e']);
  });
});

describe('a batched producer', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('has handed on what it answered for within the window', async () => {
    const { producer, taken } = createWorld({ mode: 'batched' });
    await producer.append(refusal('a'));
    await producer.append(refusal('b'));
    expect(taken).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(BATCH_WINDOW_MS);
    expect(taken).toHaveLength(1);
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'b']);
  });

  test('does not put the window off when records keep coming', async () => {
    const { producer, taken } = createWorld({ mode: 'batched' });
    for (let index = 0; index < 11; index++) {
      await producer.append(refusal(`r${index}`));
      await vi.advanceTimersByTimeAsync(BATCH_WINDOW_MS / 10);
    }
    expect(taken.length).toBeGreaterThanOrEqual(1);
  });

  test('tries again by itself until the sink is back, and tells of each fault', async () => {
    const { producer, taken, faults, setAway } = createWorld({ mode: 'batched' });
    setAway(true);
    await producer.append(refusal('a'));
    await vi.advanceTimersByTimeAsync(3 * BATCH_WINDOW_MS);
    expect(faults).toHaveLength(3);
    setAway(false);
    await vi.advanceTimersByTimeAsync(BATCH_WINDOW_MS);
    expect(reasonsOf(recordsIn(taken))).toEqual(['a']);
  });

  test('answers for nothing more while the sink refuses: a full disk does not turn a second of records into hours', async () => {
    const { producer, taken, setAway } = createWorld({ mode: 'batched' });
    setAway(true);
    await producer.append(refusal('a'));
    await vi.advanceTimersByTimeAsync(BATCH_WINDOW_MS);
    await expect(producer.append(refusal('b'))).rejects.toThrow();
    setAway(false);
    await producer.append(refusal('c'));
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'b', 'c']);
    await producer.append(refusal('d'));
    expect(taken).toHaveLength(2);
  });

  test('waits for a sink that does not answer once records are late', async () => {
    const { producer, taken } = createWorld({ mode: 'batched' });
    await producer.append(refusal('a'));
    clock.advanceMs(3 * BATCH_WINDOW_MS);
    await producer.append(refusal('b'));
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'b']);
  });

  test('a strict producer, too, sends later what it could not, although nobody appends again', async () => {
    const { producer, taken, fates } = createWorld();
    fates.push('refused');
    await expect(producer.append(refusal('a'))).rejects.toThrow('refused');
    await vi.advanceTimersByTimeAsync(BATCH_WINDOW_MS);
    expect(reasonsOf(recordsIn(taken))).toEqual(['a']);
  });

  test('counts what it cannot keep, and the count is a record where the records are missing', async () => {
    const { producer, taken, setAway } = createWorld({ mode: 'batched', maxPendingRecords: 2 });
    setAway(true);
    expect(['a', 'b', 'c', 'd', 'e'].map((name) => producer.offer(refusal(name)))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    const firstAtMs = clock.nowMs();
    clock.advanceMs(500);
    expect(producer.offer(refusal('f'))).toBe(false);
    const statement = verifyHeartbeat(await producer.heartbeat(), { producer: 'p', key });
    expect(statement).toMatchObject({ ok: true, value: { last: 2, dropped: 4 } });
    setAway(false);
    await producer.flush();
    expect(producer.offer(refusal('g'))).toBe(true);
    await producer.close();
    const records = recordsIn(taken);
    expect(reasonsOf(records)).toEqual(['a', 'b', 'drop', 'g', 'producer-closed']);
    expect(records[2]).toMatchObject({ count: 4, firstAtMs, lastAtMs: firstAtMs + 500 });
    expect(records[4]).toMatchObject({ dropped: 4 });
  });

  test('says what it dropped even if nothing follows but its end', async () => {
    const { producer, taken, setAway } = createWorld({ mode: 'batched', maxPendingRecords: 1 });
    setAway(true);
    producer.offer(refusal('a'));
    producer.offer(refusal('b'));
    setAway(false);
    await producer.close();
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'drop', 'producer-closed']);
  });
});

describe('the first and the last record', () => {
  test('say who vouches for the key and that nothing comes after', async () => {
    const voucher = { kind: 'assertion', certificate: 'x.y.z', owner: 'issue' } as const;
    const { producer, taken } = createWorld({ voucher });
    await producer.append(refusal('a'));
    await producer.close();
    const records = recordsIn(taken);
    expect(reasonsOf(records)).toEqual(['producer-opened', 'a', 'producer-closed']);
    expect(records[0]).toMatchObject({ voucher, mode: 'strict' });
    expect(verifySegment(taken.at(-1) as string, { producer: 'p', key })).toMatchObject({ value: { closed: true } });
    await expect(producer.append(refusal('b'))).rejects.toThrow('closed');
  });

  test('a close that failed can be said again, and closes once', async () => {
    const { producer, taken, fates } = createWorld();
    await producer.append(refusal('a'));
    fates.push('taken-but-answer-lost');
    await expect(producer.close()).rejects.toThrow();
    await producer.close();
    await producer.close();
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'producer-closed']);
  });

  test('records that wait when it closes come before its end', async () => {
    const { producer, taken } = createWorld({ mode: 'batched' });
    await producer.append(refusal('a'));
    await producer.close();
    expect(reasonsOf(recordsIn(taken))).toEqual(['a', 'producer-closed']);
  });

  test('a producer without a proper name does not start', () => {
    for (const id of ['', 'é', 'a b', 'x'.repeat(301)]) expect(() => createWorld({ id })).toThrow(RangeError);
  });
});
