/**
 * What follows from a revocation: the SVIDs of an entry or an agent are revoked one by one, and revocation lists are made
 * anew. Derived from the feed and from what was issued, so that a run that was cut off is made up for by the next one.
 */
import type { IssuedIndex, ListPartition, ListSlots, SealedItems } from '@postern/ca';
import { type Fact, type FeedLog, MAX_FACTS_PER_APPEND, type RevocationFact } from '@postern/feed';
import type { Clock, Table } from '@postern/store';

export interface RevocationPorts {
  readonly table: Table;
  readonly feedLog: FeedLog;
  readonly issued: Pick<IssuedIndex, 'list'>;
  readonly slots: Pick<ListSlots, 'partitions'>;
  readonly sealed: SealedItems;
  /** Makes one list anew where it is due; all where `isChanged`. Throws when it cannot be made now. */
  readonly keepList: (partition: ListPartition, isChanged: boolean) => Promise<void>;
  readonly clock: Clock;
}

/** How far the feed was read. */
interface Cursor {
  readonly epoch: string;
  readonly sequence: number;
}

const CURSOR = { pk: 'revocation-cursor', sk: 'feed' };
/** Verifiers go on after the end for as long as clocks differ. */
const AFTER_END_MS = 10 * 60_000;
const OF_CERTIFICATES = /^(?:svid|spiffe-id|issuer|entry|agent):/;

/** Cost when there is nothing new: two reads and a query, and a read for each list. Runs of one process take turns. */
export function createRevocations(ports: RevocationPorts): () => Promise<void> {
  const { table, feedLog, sealed, clock } = ports;
  let turn: Promise<unknown> = Promise.resolve();

  async function run(): Promise<void> {
    const head = await feedLog.head();
    if (head === undefined) return;
    const item = await table.get(CURSOR);
    const cursor = item && (await sealed.open<Cursor>(item));
    const before = cursor?.epoch === head.epoch && cursor.sequence <= head.sequence ? cursor.sequence : 0;
    let sequence = before;
    let isChanged = false;
    for (;;) {
      const entries = await feedLog.readEntries(sequence);
      if (entries.length === 0) break;
      for (const { fact } of entries) {
        if (!isOfCertificates(fact)) continue;
        isChanged = true;
        await revokeEach(fact);
      }
      sequence = entries.at(-1)?.sequence ?? sequence;
    }
    const faults: unknown[] = [];
    for (const partition of await ports.slots.partitions())
      await ports.keepList(partition, isChanged).catch((fault) => faults.push(fault));
    // Not moved on: the next run makes what this one could not.
    if (faults.length > 0) throw faults[0];
    if (sequence !== before || cursor === undefined)
      await table.put(await sealed.close(CURSOR, { epoch: head.epoch, sequence } satisfies Cursor));
  }

  /** SVIDs issued later are not meant: an entry that is issued for again was given back. */
  async function revokeEach({ subject, notBeforeMs, reason, reasonCode, expiresAtMs }: RevocationFact): Promise<void> {
    const [, kind, name] = /^(entry|agent):(.+)$/.exec(subject) ?? [];
    if (kind === undefined || name === undefined || expiresAtMs <= clock.nowMs()) return;
    let facts: Fact[] = [];
    const append = async () => {
      const appended = facts.length === 0 ? undefined : await feedLog.append(facts);
      if (appended?.ok === false) throw new Error(`SVIDs of \`${subject.slice(0, 200)}\`: ${appended.reason}`);
      facts = [];
    };
    for await (const svid of ports.issued.list(kind as 'entry' | 'agent', name)) {
      const nowMs = clock.nowMs();
      const endMs = svid.notAfterMs + AFTER_END_MS;
      if (svid.notBeforeMs > notBeforeMs || endMs <= nowMs) continue;
      const each = `svid:${svid.serial}`;
      const known = await feedLog.latest('revocation', each);
      if (known !== undefined && known.expiresAtMs > nowMs) continue;
      facts.push({
        kind: 'revocation',
        subject: each,
        observedAtMs: nowMs,
        expiresAtMs: endMs,
        notBeforeMs,
        reason,
        ...(reasonCode !== undefined && { reasonCode }),
      });
      if (facts.length === MAX_FACTS_PER_APPEND) await append();
    }
    await append();
  }

  return () => {
    const mine = turn.then(run);
    turn = mine.catch(() => undefined);
    return mine;
  };
}

const isOfCertificates = (fact: Fact): fact is RevocationFact =>
  fact.kind === 'revocation' && OF_CERTIFICATES.test(fact.subject);
