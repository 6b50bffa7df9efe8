/**
 * What follows from a revocation: the SVIDs of an entry or an agent are revoked one by one, and revocation lists are made
 * anew. Derived from the feed and from what was issued, so that a run that was cut off is made up for by the next one.
 */
import type { IssuedIndex, ListPartition, ListSlots, SealedItems } from '@postern/ca';
import { type Fact, type FeedLog, MAX_FACTS_PER_APPEND, type RevocationFact } from '@postern/feed';
import { SignerUnavailable } from '@postern/keys';
import { type Clock, StoreUnavailable, type Table } from '@postern/store';
import { type KnownRevocations, readRevocations } from './known_revocations.ts';
import type { ListRun } from './revocation_lists.ts';

export interface RevocationPorts {
  readonly table: Table;
  readonly feedLog: FeedLog;
  readonly issued: Pick<IssuedIndex, 'list'>;
  readonly slots: Pick<ListSlots, 'partitions'>;
  readonly sealed: SealedItems;
  /** Makes one list anew where it is due, or where it would say something else now; answers whether it did. */
  readonly keepList: (partition: ListPartition, run: ListRun) => Promise<boolean>;
  readonly issuerOf: ListRun['issuerOf'];
  readonly clock: Clock;
}

/** How far the feed was followed, and whether lists do not say it yet. */
interface Cursor {
  readonly epoch: string;
  readonly sequence: number;
  readonly areListsDue?: boolean;
}

const CURSOR = { pk: 'revocation-cursor', sk: 'feed' };
/** Verifiers go on after the end for as long as clocks differ. */
const AFTER_END_MS = 10 * 60_000;
const OF_CERTIFICATES = /^(?:svid|spiffe-id|issuer|entry|agent):/;
/** Of one run, which ends well before its function is stopped; the next goes on where it ended. */
export const MAX_REVOKED_PER_RUN = 5000;
export const MAX_FOLLOWED_PER_RUN = 20_000;
export const MAX_LISTS_PER_RUN = 100;

export interface Revocations {
  /**
   * Answers whether nothing is left for the next run. Runs of one process take turns, and those who wait share one. Cost
   * when there is nothing new: two reads and two queries, and a read for each list.
   */
  apply(): Promise<boolean>;
  /** Makes the first list of a partition, where there is none; waits for no run. Cost when there is one: a read. */
  openList(partition: ListPartition): Promise<void>;
}

export function createRevocations(ports: RevocationPorts): Revocations {
  const { table, feedLog, sealed, clock } = ports;
  let running: Promise<unknown> = Promise.resolve();
  let waiting: Promise<boolean> | undefined;

  async function run(): Promise<boolean> {
    const head = await feedLog.head();
    if (head === undefined) return true;
    const item = await table.get(CURSOR);
    const cursor = item && (await sealed.open<Cursor>(item));
    const isOurs = cursor?.epoch === head.epoch && cursor.sequence <= head.sequence;
    let known: Promise<KnownRevocations> | undefined;
    const revocations = () => {
      known ??= readRevocations(feedLog);
      return known;
    };
    const followed = await follow(isOurs ? cursor.sequence : 0, revocations);
    const areListsDue = followed.isChanged || (isOurs && cursor.areListsDue === true);
    // First of all: lists that cannot be made now keep nobody from following on.
    const save = async (due: boolean) =>
      table.put(await sealed.close(CURSOR, cursorOf(head.epoch, followed.sequence, due)));
    if (!isOurs || followed.sequence !== cursor.sequence) await save(areListsDue);
    const kept = await keepLists(areListsDue, revocations);
    if (areListsDue && kept.isDone) await save(false);
    if (kept.fault !== undefined) throw kept.fault;
    return followed.isDone && kept.isDone;
  }

  async function follow(after: number, revocations: () => Promise<KnownRevocations>) {
    let [sequence, isChanged, revoked] = [after, false, 0];
    while (sequence - after < MAX_FOLLOWED_PER_RUN) {
      const entries = await feedLog.readEntries(sequence);
      if (entries.length === 0) return { sequence, isChanged, isDone: true };
      for (const entry of entries) {
        if (isOfCertificates(entry.fact)) {
          isChanged = true;
          revoked += await revokeEach(entry.fact, revocations, MAX_REVOKED_PER_RUN - revoked);
          if (revoked >= MAX_REVOKED_PER_RUN) return { sequence, isChanged, isDone: false };
        }
        sequence = entry.sequence;
      }
    }
    return { sequence, isChanged, isDone: false };
  }

  /**
   * SVIDs issued later are not meant: an entry that is issued for again was given back. At most `most`, those that are
   * revoked already do not count; answers how many.
   */
  async function revokeEach(
    { subject, observedAtMs, notBeforeMs, reason, reasonCode, expiresAtMs }: RevocationFact,
    revocations: () => Promise<KnownRevocations>,
    most: number,
  ): Promise<number> {
    const [, kind, name] = /^(entry|agent):(.+)$/.exec(subject) ?? [];
    if (kind === undefined || name === undefined || expiresAtMs <= clock.nowMs()) return 0;
    const known = await revocations();
    let [facts, revoked]: [RevocationFact[], number] = [[], 0];
    const append = async () => {
      const appended = facts.length === 0 ? undefined : await feedLog.append(facts);
      if (appended?.ok === false) throw new Error(`SVIDs of \`${subject.slice(0, 200)}\`: ${appended.reason}`);
      for (const fact of facts) known.set(fact.subject, fact);
      [facts, revoked] = [[], revoked + facts.length];
    };
    for await (const svid of ports.issued.list(kind as 'entry' | 'agent', name)) {
      const nowMs = clock.nowMs();
      const endMs = svid.notAfterMs + AFTER_END_MS;
      if (svid.notBeforeMs > notBeforeMs || endMs <= nowMs) continue;
      const each = `svid:${svid.serial}`;
      const before = known.get(each);
      // A later word about this very certificate stands; a hold does not, since it may be given back.
      if (before !== undefined && before.observedAtMs >= observedAtMs) continue;
      if (before !== undefined && before.expiresAtMs > nowMs && before.reasonCode !== 'certificate-hold') continue;
      facts.push({
        kind: 'revocation',
        subject: each,
        observedAtMs: Math.max(nowMs, observedAtMs),
        expiresAtMs: endMs,
        notBeforeMs,
        reason,
        ...(reasonCode !== undefined && { reasonCode }),
      });
      if (facts.length === Math.min(MAX_FACTS_PER_APPEND, most - revoked)) await append();
      if (revoked >= most) break;
    }
    await append();
    return revoked;
  }

  /** Lists of an issuer whose key is away are left for the next run: each would wait for it in vain. */
  async function keepLists(isChanged: boolean, revocations: () => Promise<KnownRevocations>) {
    const issuers = new Map<string, ReturnType<ListRun['issuerOf']>>();
    const issuerOf = (keyId: string) => {
      const found = issuers.get(keyId) ?? ports.issuerOf(keyId);
      issuers.set(keyId, found);
      return found;
    };
    const [faults, away]: [unknown[], Set<string>] = [[], new Set()];
    let made = 0;
    // The newest first: somebody waits for it.
    for (const partition of (await ports.slots.partitions()).toReversed()) {
      if (made >= MAX_LISTS_PER_RUN) return { isDone: false, fault: faults[0] };
      if (away.has(partition.issuerKeyId)) continue;
      try {
        if (await ports.keepList(partition, { isChanged, revocations, issuerOf })) made += 1;
      } catch (fault) {
        faults.push(fault);
        if (fault instanceof SignerUnavailable) away.add(partition.issuerKeyId);
      }
    }
    return { isDone: faults.length === 0, fault: faults[0] };
  }

  return {
    apply() {
      waiting ??= running.then(() => {
        waiting = undefined;
        const mine = run();
        running = mine.catch(() => undefined);
        return mine;
      });
      return waiting;
    },
    async openList(partition) {
      const keep = () => {
        const revocations = () => readRevocations(feedLog);
        return ports.keepList(partition, { isChanged: false, revocations, issuerOf: ports.issuerOf });
      };
      // A run that was first has made it.
      await keep().catch((fault) => (fault instanceof StoreUnavailable ? keep() : Promise.reject(fault)));
    },
  };
}

const cursorOf = (epoch: string, sequence: number, areListsDue: boolean): Cursor => ({
  epoch,
  sequence,
  ...(areListsDue && { areListsDue }),
});

const isOfCertificates = (fact: Fact): fact is RevocationFact =>
  fact.kind === 'revocation' && OF_CERTIFICATES.test(fact.subject);
