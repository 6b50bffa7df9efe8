/** Keeps one partition's revocation list: made anew when half of its life is over, and at once when it would say something else. */
import { createHash } from 'node:crypto';
import {
  isReasonCode,
  LIST_LIFE_MS,
  type ListedCertificate,
  type ListPartition,
  type ListSlots,
  listKey,
} from '@postern/ca';
import type { ListedRevocation, RevocationList } from '@postern/ca/revocation-list';
import type { RevocationFact } from '@postern/feed';
import { isDistrusted, isRevoked } from '@postern/identity';
import type { Signer } from '@postern/keys';
import type { Certificate } from '@postern/spiffe';
import { type Clock, type Condition, type Item, StoreUnavailable, type Table } from '@postern/store';

export interface ListPorts {
  readonly table: Table;
  readonly slots: Pick<ListSlots, 'certificates'>;
  /** Durable when it resolves. */
  readonly record: (list: {
    readonly list: string;
    readonly listNumber: number;
    readonly entries: number;
    readonly digest: string;
  }) => Promise<void>;
  /** The table has an older list than was there before, or none. */
  readonly onTurnedBack: (list: string) => void;
  readonly clock: Clock;
}

/** What the lists of one run have in common. */
export interface ListRun {
  /** Something was revoked since they were made. */
  readonly isChanged: boolean;
  readonly revocations: () => Promise<ReadonlyMap<string, RevocationFact>>;
  /** Whose certificates the partition's are; `undefined` for one that no root of ours stands behind any more. */
  readonly issuerOf: (keyId: string) => Promise<ListIssuer | undefined>;
}

export interface ListIssuer {
  readonly certificate: Certificate;
  readonly signer: () => Promise<Signer>;
}

/** Clocks that are behind accept it at once. */
const BACKDATE_MS = 60_000;
/** As long as a listed certificate may live after its revocation, where nobody knows its end any more. */
const LONGEST_MS = 8 * 24 * 60 * 60 * 1000;

interface Remembered {
  readonly der: Uint8Array;
  readonly list: RevocationList;
}

/** Lists of a thousand entries are some hundred kilobytes each when they are read. */
const MAX_REMEMBERED = 100;

/**
 * Cost when nothing is due: one read; else one query, one signature, one record and one conditional write. The number
 * is the time, or one more than the last: also after the table was put back, it is above any that a verifier has seen.
 */
export function createListKeeper(ports: ListPorts) {
  const { table, clock } = ports;
  /** The newest of each that this process saw: who puts an older one back has it replaced by the next run. */
  const remembered = new Map<string, Remembered>();
  function remember(name: string, list: Remembered): void {
    remembered.delete(name);
    remembered.set(name, list);
    const [oldest] = remembered.keys();
    if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
  }

  return async function keepList(partition: ListPartition, run: ListRun): Promise<boolean> {
    const { createRevocationList, readRevocationList } = await import('@postern/ca/revocation-list');
    const issuer = await run.issuerOf(partition.issuerKeyId);
    if (issuer === undefined) return false;
    const key = listKey(partition);
    const item = await table.get(key);
    const nowMs = clock.nowMs();
    const stored = storedList(item?.attributes['der'], issuer);
    const newest = remembered.get(key.sk)?.list;
    const isTurnedBack = newest !== undefined && newest.number > (stored?.number ?? 0);
    const before = isTurnedBack ? newest : stored;
    const isDue = isTurnedBack || before === undefined || nowMs >= (before.thisUpdateMs + before.nextUpdateMs) / 2;
    if (!isDue && !run.isChanged) return false;
    const certificates = await ports.slots.certificates(partition);
    // Nobody has one of its certificates yet, and whoever is about to asks again; or all of them ended long ago.
    if (certificates.length === 0 && stored === undefined) return false;
    if (isTurnedBack) ports.onTurnedBack(key.sk);
    const entries = entriesOf(before, certificates, await run.revocations(), partition.issuerKeyId, nowMs);
    if (!isDue && isSame(before.entries, entries)) return false;
    const number = Math.max((before?.number ?? 0) + 1, nowMs);
    const points = new Set([...(before?.distributionPoints ?? []), ...certificates.map((it) => it.distributionPoint)]);
    const der = await createRevocationList({
      issuer: issuer.certificate,
      signer: await issuer.signer(),
      number,
      thisUpdateMs: nowMs - BACKDATE_MS,
      nextUpdateMs: nowMs + LIST_LIFE_MS,
      distributionPoints: [...points],
      entries,
    });
    const digest = createHash('sha256').update(der).digest('hex');
    await ports.record({ list: key.sk, listNumber: number, entries: entries.length, digest });
    const lastEndMs = Math.max(nowMs, ...certificates.map(({ notAfterMs }) => notAfterMs));
    const expiresAtSeconds = Math.ceil((lastEndMs + LONGEST_MS) / 1000);
    const list = { ...key, attributes: { der, number }, expiresAtSeconds };
    const put = await table.put(list, unchanged(item));
    // Another was first, and may not have known what we do: the next run looks again.
    if (!put.ok) throw new StoreUnavailable('somebody else made the list at the same time');
    const made = readRevocationList(der);
    if (made !== undefined) remember(key.sk, { der, list: made });
    return true;

    /** What is not signed by the issuer, or is another partition's, counts for nothing. */
    function storedList(der: unknown, { certificate }: ListIssuer): RevocationList | undefined {
      if (!(der instanceof Uint8Array)) return undefined;
      const known = remembered.get(key.sk);
      if (known !== undefined && Buffer.compare(known.der, der) === 0) return known.list;
      const list = readRevocationList(der);
      if (list === undefined || !list.isSignedBy(certificate.spki)) return undefined;
      if (list.distributionPoints.every((point) => !point.endsWith(`/${partition.number}`))) return undefined;
      if (list.number > (known?.list.number ?? 0)) remember(key.sk, { der, list });
      return list;
    }
  };
}

/** A number that is none was put there by somebody else: it is written over. */
function unchanged(item: Item | undefined): Condition {
  if (item === undefined) return { kind: 'absent' };
  const { number } = item.attributes;
  return typeof number === 'number' ? { kind: 'equals', attribute: 'number', value: number } : { kind: 'present' };
}

/**
 * Once on a list, a certificate stays on it until it has been in one made after its end (RFC 5280 3.3); only a hold is
 * given back.
 */
function entriesOf(
  before: RevocationList | undefined,
  certificates: readonly ListedCertificate[],
  revocations: ReadonlyMap<string, RevocationFact>,
  issuerKeyId: string,
  nowMs: number,
): readonly ListedRevocation[] {
  const bySerial = new Map(certificates.map((it) => [it.serial, it]));
  const entries = new Map<string, ListedRevocation>();
  for (const entry of before?.entries ?? []) {
    const endMs = bySerial.get(entry.serial)?.notAfterMs ?? entry.revokedAtMs + LONGEST_MS;
    const hasBeenIn = (before?.thisUpdateMs ?? 0) > endMs;
    if (!hasBeenIn && entry.reasonCode !== 'certificate-hold') entries.set(entry.serial, entry);
  }
  for (const certificate of certificates) {
    if (entries.has(certificate.serial) || certificate.notAfterMs <= nowMs) continue;
    const fact = revocationOf(certificate, revocations, issuerKeyId, nowMs);
    if (fact === undefined) continue;
    const { serial } = certificate;
    // None is of later than the list that says it.
    const revokedAtMs = Math.floor(Math.min(fact.observedAtMs, nowMs - BACKDATE_MS) / 1000) * 1000;
    entries.set(serial, {
      serial,
      revokedAtMs,
      ...(isReasonCode(fact.reasonCode) && fact.reasonCode !== 'unspecified' && { reasonCode: fact.reasonCode }),
    });
  }
  return [...entries.values()].sort((a, b) => (a.serial < b.serial ? -1 : 1));
}

/** By the rules of decision points; of an entry's and an agent's, each is revoked by its serial. */
function revocationOf(
  { serial, spiffeId, notBeforeMs }: ListedCertificate,
  revocations: ReadonlyMap<string, RevocationFact>,
  issuerKeyId: string,
  nowMs: number,
): RevocationFact | undefined {
  const bySerial = `svid:${serial}`;
  if (isDistrusted(revocations, bySerial, nowMs)) return revocations.get(bySerial);
  const byName = `spiffe-id:${spiffeId}`;
  if (isRevoked(revocations, byName, notBeforeMs, nowMs)) return revocations.get(byName);
  const byIssuer = `issuer:${issuerKeyId}`;
  return isDistrusted(revocations, byIssuer, nowMs) ? revocations.get(byIssuer) : undefined;
}

function isSame(before: readonly ListedRevocation[], now: readonly ListedRevocation[]): boolean {
  const textOf = (entries: readonly ListedRevocation[]) =>
    entries
      .map(({ serial, reasonCode }) => `${serial} ${reasonCode ?? ''}`)
      .sort()
      .join();
  return textOf(before) === textOf(now);
}
