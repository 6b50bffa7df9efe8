/**
 * The feed as it is stored: one head, numbered entries, and the latest fact of each subject. Written by the functions
 * that learn facts; the order is committed by one conditional transaction on the head, so writers need no lock.
 *
 * Every entry carries a MAC: whoever can merely write the table cannot mint a fact. Cost of `append`: one read of the
 * head, one read per fact, one transaction; of `readEntries`: one query.
 */
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Item, Table, Write } from '@postern/store';
import { chainNext, chainStart } from './chain.ts';
import { checkFact, type FactReason } from './fact_shape.ts';
import type { Fact, PostureFact } from './facts.ts';
import { type FeedEntry, MAX_FEED_PAGE_ENTRIES } from './wire.ts';

export interface StoredHead {
  readonly epoch: string;
  readonly sequence: number;
  readonly chain: string;
  /** 0 before the first publication. */
  readonly releaseNumber: number;
  readonly releaseDigest: string;
}

export type AppendReason = FactReason | 'fact-older' | 'feed-busy' | 'feed-empty';

export interface FeedLog {
  /** Starts an epoch when there is none yet. `epoch`: unique text, such as a UUIDv7. */
  open(epoch: string): Promise<StoredHead>;
  head(): Promise<StoredHead | undefined>;
  /** All or none. `fact-older`: a newer observation of the same posture is known already; nothing was written. */
  append(facts: readonly Fact[]): Promise<Result<StoredHead, AppendReason>>;
  /** Entries after `after`, in order, at most a page. Throws `FeedTampered` when one does not carry its MAC. */
  readEntries(after: number): Promise<readonly FeedEntry[]>;
  /** Moves the release that the head names; only ever to a higher number. */
  setRelease(number: number, digest: string): Promise<Result<StoredHead, 'release-number-taken' | 'feed-busy' | 'feed-empty'>>;
  /** The latest fact of a subject, expired or not. */
  latest(kind: Fact['kind'], subject: string): Promise<Fact | undefined>;
}

/** Somebody wrote the table who does not hold the key. Nothing of the feed is served until an operator has looked. */
export class FeedTampered extends Error {
  override readonly name = 'FeedTampered';
}

const HEAD = { pk: 'feed', sk: 'head' };
const ENTRIES = 'feed-entry';
/** Writers that meet at the head try again this often; each try means that another one got through. */
const MAX_TRIES = 8;
/** A transaction holds 100 writes: head, and an entry and a latest item for each fact. */
export const MAX_FACTS_PER_APPEND = 49;

const entryKey = (sequence: number) => ({ pk: ENTRIES, sk: sequence.toString().padStart(16, '0') });
const latestKey = (kind: Fact['kind'], subject: string) => ({ pk: `fact#${kind}`, sk: subject.slice(0, 500) });

export function createFeedLog(ports: { readonly table: Table; readonly mac: Mac }): FeedLog {
  const { table, mac } = ports;

  async function head(): Promise<StoredHead | undefined> {
    const item = await table.get(HEAD);
    if (item === undefined) return undefined;
    const { version: _, ...stored } = item.attributes;
    return stored as unknown as StoredHead;
  }

  async function sealed(value: FeedEntry | Fact): Promise<{ body: string; mac: Uint8Array }> {
    const body = canonicalJson(value);
    return { body, mac: await mac.compute(Buffer.from(body)) };
  }

  async function unsealed(item: Item): Promise<unknown> {
    const { body, mac: tag } = item.attributes;
    if (typeof body !== 'string' || !(tag instanceof Uint8Array) || !(await mac.verify(Buffer.from(body), tag)))
      throw new FeedTampered(`feed item \`${item.pk}\` \`${item.sk.slice(0, 80)}\` does not carry its MAC`);
    return JSON.parse(body);
  }

  async function latest(kind: Fact['kind'], subject: string): Promise<Fact | undefined> {
    const item = await table.get(latestKey(kind, subject));
    return item && ((await unsealed(item)) as Fact);
  }

  async function writesFor(current: StoredHead, facts: readonly Fact[]): Promise<{ next: StoredHead; writes: Write[] }> {
    let { sequence, chain } = current;
    const writes: Write[] = [];
    for (const fact of facts) {
      sequence += 1;
      const entry: FeedEntry = { sequence, fact };
      chain = chainNext(chain, entry);
      writes.push({ put: { ...entryKey(sequence), attributes: await sealed(entry) }, condition: { kind: 'absent' } });
      writes.push({ put: { ...latestKey(fact.kind, fact.subject), attributes: await sealed(fact) } });
    }
    return { next: { ...current, sequence, chain }, writes };
  }

  const moveHead = (from: StoredHead, to: StoredHead): Write => ({
    put: { ...HEAD, attributes: { ...to, version: versionOf(to) } },
    condition: { kind: 'equals', attribute: 'version', value: versionOf(from) },
  });

  return {
    head,
    latest,
    async open(epoch) {
      const fresh: StoredHead = { epoch, sequence: 0, chain: chainStart(epoch), releaseNumber: 0, releaseDigest: '' };
      await table.put({ ...HEAD, attributes: { ...fresh, version: versionOf(fresh) } }, { kind: 'absent' });
      return (await head()) ?? fresh;
    },
    async append(facts) {
      if (facts.length > MAX_FACTS_PER_APPEND) throw new RangeError(`at most ${MAX_FACTS_PER_APPEND} facts at once`);
      const subjects = new Set(facts.map((fact) => `${fact.kind} ${fact.subject}`));
      if (subjects.size !== facts.length) throw new RangeError('a subject occurs twice');
      for (const fact of facts) {
        const checked = checkFact(fact);
        if (!checked.ok) return checked;
      }
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const current = await head();
        if (current === undefined) return refuse('feed-empty');
        for (const fact of facts) {
          if (fact.kind !== 'posture') continue;
          const known = await latest('posture', fact.subject);
          if (known?.kind === 'posture' && isOlder(fact, known)) return refuse('fact-older');
        }
        const { next, writes } = await writesFor(current, facts);
        const written = await table.transact([moveHead(current, next), ...writes]);
        if (written.ok) return accept(next);
      }
      return refuse('feed-busy');
    },
    async readEntries(after) {
      const page = await table.query({ pk: ENTRIES, after: entryKey(after).sk, limit: MAX_FEED_PAGE_ENTRIES });
      const entries: FeedEntry[] = [];
      for (const item of page.items) entries.push((await unsealed(item)) as FeedEntry);
      return entries;
    },
    async setRelease(number, digest) {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const current = await head();
        if (current === undefined) return refuse('feed-empty');
        if (number <= current.releaseNumber) return refuse('release-number-taken');
        const next: StoredHead = { ...current, releaseNumber: number, releaseDigest: digest };
        const written = await table.transact([moveHead(current, next)]);
        if (written.ok) return accept(next);
      }
      return refuse('feed-busy');
    },
  };
}

/** At the same instant the stricter observation stays: two deliveries of one second may come in either order. */
function isOlder(fact: PostureFact, known: PostureFact): boolean {
  if (fact.observedAtMs !== known.observedAtMs) return fact.observedAtMs < known.observedAtMs;
  return fact.compliant && !known.compliant;
}

/** Both counters only grow, so this text names one state of the head. */
function versionOf(head: StoredHead): string {
  return `${head.epoch}/${head.sequence}/${head.releaseNumber}`;
}
