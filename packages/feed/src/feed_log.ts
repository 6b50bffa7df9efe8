/**
 * The feed as it is stored: one head, numbered entries, and the latest fact of each subject. Written by the functions
 * that learn facts; the order is committed by one conditional transaction on the head, so writers need no lock.
 *
 * Head, entries and facts each carry a MAC: whoever can merely write the table can neither mint a fact nor cut the feed
 * short and have what is left signed. Cost of `append`: one read of the head, one read per posture, one transaction; of
 * `readEntries`: one query.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Table, Write } from '@postern/store';
import { chainNext, chainStart } from './chain.ts';
import { checkFact, type FactReason } from './fact_shape.ts';
import type { Fact, PostureFact } from './facts.ts';
import { createSeal } from './seal.ts';
import { type FeedEntry, MAX_FEED_PAGE_BYTES, MAX_FEED_PAGE_ENTRIES } from './wire.ts';

export { FeedTampered } from './seal.ts';

export interface StoredHead {
  readonly epoch: string;
  readonly sequence: number;
  readonly chain: string;
  /** 0 before the first publication. */
  readonly releaseNumber: number;
  readonly releaseDigest: string;
}

export type AppendReason = FactReason | 'fact-older' | 'fact-outdated' | 'feed-busy' | 'feed-empty';

/** Each throws `FeedTampered` when what it reads does not carry its MAC, or is not in its place. */
export interface FeedLog {
  /** Starts an epoch when there is none yet. `epoch`: unique text, such as a UUIDv7. */
  open(epoch: string): Promise<StoredHead>;
  head(): Promise<StoredHead | undefined>;
  /**
   * All or none. `fact-older`: an observation of the same posture is known already that this one does not supersede;
   * nothing was written. `isStill`: for facts that follow from others; asked of what is in the feed where these come next,
   * and `fact-outdated` when it says no.
   */
  append(facts: readonly Fact[], isStill?: () => Promise<boolean>): Promise<Result<StoredHead, AppendReason>>;
  /** Entries after `after`, in order, at most a page of them in number and bytes. */
  readEntries(after: number): Promise<readonly FeedEntry[]>;
  /** Moves the release that the head names; only ever to a higher number. */
  setRelease(
    number: number,
    digest: string,
  ): Promise<Result<StoredHead, 'release-number-taken' | 'feed-busy' | 'feed-empty'>>;
  /** The latest fact of a subject, expired or not. */
  latest(kind: Fact['kind'], subject: string): Promise<Fact | undefined>;
  /** The latest facts of a kind, expired ones too, in pages. `after`: `next` of the page before. One query. */
  list(
    kind: Fact['kind'],
    page: { readonly after?: string; readonly limit: number },
  ): Promise<{ readonly facts: readonly Fact[]; readonly next?: string }>;
}

const HEAD = { pk: 'feed', sk: 'head' };
const ENTRIES = 'feed-entry';
/** Writers of several instances that meet at the head try again this often; each try means that another got through. */
const MAX_TRIES = 8;
/** A transaction holds 100 writes: head, and an entry and a latest item for each fact. */
export const MAX_FACTS_PER_APPEND = 49;
/** Leaves room for the rest of a sort key of 512 bytes. */
const MAX_PLAIN_SUBJECT_BYTES = 400;

const entryKey = (sequence: number) => ({ pk: ENTRIES, sk: sequence.toString().padStart(16, '0') });

/** Subjects longer than a sort key go by their digest: cut short, two of them would be taken for one another. */
function latestKey(kind: Fact['kind'], subject: string) {
  const isPlain = Buffer.byteLength(subject) <= MAX_PLAIN_SUBJECT_BYTES && subject.isWellFormed();
  return { pk: `fact#${kind}`, sk: isPlain ? subject : `sha256:${createHash('sha256').update(subject).digest('hex')}` };
}

export function createFeedLog(ports: { readonly table: Table; readonly mac: Mac }): FeedLog {
  const { table } = ports;
  const seal = createSeal(ports.mac);
  let turn: Promise<unknown> = Promise.resolve();

  /** Writers of one instance wait for each other, so that a burst of them costs no tries. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function head(): Promise<StoredHead | undefined> {
    const item = await table.get(HEAD);
    return (
      item && seal.open<StoredHead>(item, (value) => isHead(value) && versionOf(value) === item.attributes['version'])
    );
  }

  async function latest(kind: Fact['kind'], subject: string): Promise<Fact | undefined> {
    const item = await table.get(latestKey(kind, subject));
    return item && seal.open<Fact>(item, (fact) => fact.kind === kind && fact.subject === subject);
  }

  async function headItem(value: StoredHead) {
    return { ...HEAD, attributes: { ...(await seal.close(value)), version: versionOf(value) } };
  }

  async function entryWrites(
    current: StoredHead,
    facts: readonly Fact[],
  ): Promise<{ next: StoredHead; writes: Write[] }> {
    let { sequence, chain } = current;
    const writes: Write[] = [];
    for (const fact of facts) {
      sequence += 1;
      const entry: FeedEntry = { sequence, fact };
      chain = chainNext(chain, entry);
      writes.push({
        put: { ...entryKey(sequence), attributes: await seal.close(entry) },
        condition: { kind: 'absent' },
      });
      writes.push({ put: { ...latestKey(fact.kind, fact.subject), attributes: await seal.close(fact) } });
    }
    return { next: { ...current, sequence, chain }, writes };
  }

  /** Commits `change` of the head and what goes with it; made anew from the present head when another writer was first. */
  async function commit<Reason extends string>(
    change: (current: StoredHead) => Promise<Result<{ next: StoredHead; writes: Write[] }, Reason>>,
  ): Promise<Result<StoredHead, Reason | 'feed-busy' | 'feed-empty'>> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const current = await head();
      if (current === undefined) return refuse('feed-empty');
      const changed = await change(current);
      if (!changed.ok) return changed;
      const { next, writes } = changed.value;
      const isUnmoved = { kind: 'equals', attribute: 'version', value: versionOf(current) } as const;
      const written = await table.transact([{ put: await headItem(next), condition: isUnmoved }, ...writes]);
      if (written.ok) return accept(next);
    }
    return refuse('feed-busy');
  }

  return {
    head,
    latest,
    async list(kind, { after, limit }) {
      const page = await table.query({ pk: `fact#${kind}`, limit, ...(after !== undefined && { after }) });
      const facts = await Promise.all(
        page.items.map((item) =>
          seal.open<Fact>(item, (fact) => fact.kind === kind && latestKey(kind, fact.subject).sk === item.sk),
        ),
      );
      return page.next === undefined ? { facts } : { facts, next: page.next };
    },
    async open(epoch) {
      const fresh: StoredHead = { epoch, sequence: 0, chain: chainStart(epoch), releaseNumber: 0, releaseDigest: '' };
      await table.put(await headItem(fresh), { kind: 'absent' });
      return (await head()) ?? fresh;
    },
    async append(facts, isStill) {
      if (facts.length > MAX_FACTS_PER_APPEND) throw new RangeError(`at most ${MAX_FACTS_PER_APPEND} facts at once`);
      const subjects = new Set(facts.map((fact) => `${fact.kind} ${fact.subject}`));
      if (subjects.size !== facts.length) throw new RangeError('a subject occurs twice');
      for (const fact of facts) {
        const checked = checkFact(fact);
        if (!checked.ok) return checked;
      }
      return inTurn(() =>
        commit(async (current) => {
          for (const fact of facts) {
            if (fact.kind !== 'posture') continue;
            const known = await latest('posture', fact.subject);
            if (known?.kind === 'posture' && !supersedes(fact, known)) return refuse('fact-older');
          }
          // Read after the head, which is written only if it has not moved since.
          if ((await isStill?.()) === false) return refuse('fact-outdated');
          return accept(await entryWrites(current, facts));
        }),
      );
    },
    async readEntries(after) {
      const page = await table.query({ pk: ENTRIES, after: entryKey(after).sk, limit: MAX_FEED_PAGE_ENTRIES });
      const entries: FeedEntry[] = [];
      let bytes = 0;
      for (const item of page.items) {
        bytes += Buffer.byteLength(String(item.attributes['body']));
        if (bytes > MAX_FEED_PAGE_BYTES && entries.length > 0) break;
        entries.push(
          await seal.open<FeedEntry>(item, (entry) => isEntry(entry) && entryKey(entry.sequence).sk === item.sk),
        );
      }
      return entries;
    },
    async setRelease(number, digest) {
      return inTurn(() =>
        commit(async (current) => {
          if (number <= current.releaseNumber) return refuse('release-number-taken');
          return accept({ next: { ...current, releaseNumber: number, releaseDigest: digest }, writes: [] });
        }),
      );
    },
  };
}

/** For facts that take the place of `known`, which may be absent: whether it is still the latest of its subject. */
export function isStillLatest(
  log: Pick<FeedLog, 'latest'>,
  { kind, subject }: Pick<Fact, 'kind' | 'subject'>,
  known: Fact | undefined,
): () => Promise<boolean> {
  const textOf = (fact: Fact | undefined) => (fact === undefined ? '' : canonicalJson(fact));
  return async () => textOf(await log.latest(kind, subject)) === textOf(known);
}

/**
 * Only a newer observation takes a posture's place, and of two from the same instant only the one that says less of the
 * device: deliveries may come in either order, and again.
 */
function supersedes(fact: PostureFact, known: PostureFact): boolean {
  if (fact.observedAtMs !== known.observedAtMs) return fact.observedAtMs > known.observedAtMs;
  return known.compliant && !fact.compliant;
}

/** An entry or a fact carries the same MAC, and would pass for a head without members. */
function isHead({ epoch, sequence, chain, releaseNumber, releaseDigest }: StoredHead): boolean {
  const areTexts = [epoch, chain, releaseDigest].every((member) => typeof member === 'string');
  return areTexts && Number.isSafeInteger(sequence) && Number.isSafeInteger(releaseNumber);
}

/** Both counters only grow, so this text names one state of the head. */
function versionOf(head: StoredHead): string {
  return `${head.epoch}/${head.sequence}/${head.releaseNumber}`;
}

/** A head has a sequence too. */
const isEntry = ({ sequence, fact }: FeedEntry): boolean =>
  Number.isSafeInteger(sequence) && typeof fact === 'object' && fact !== null;
