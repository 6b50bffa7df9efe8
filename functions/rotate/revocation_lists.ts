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
import type { FeedLog, RevocationFact } from '@postern/feed';
import { isDistrusted, isRevoked } from '@postern/identity';
import type { Signer } from '@postern/keys';
import type { Certificate } from '@postern/spiffe';
import type { Clock, Table } from '@postern/store';

export interface ListPorts {
  readonly table: Table;
  readonly slots: Pick<ListSlots, 'certificates'>;
  readonly feedLog: Pick<FeedLog, 'list'>;
  /** Whose certificates the partition's are; `undefined` for one that no root of ours stands behind any more. */
  readonly issuerOf: (
    keyId: string,
  ) => Promise<{ readonly certificate: Certificate; readonly signer: () => Promise<Signer> } | undefined>;
  /** Durable when it resolves. */
  readonly record: (list: {
    readonly list: string;
    readonly listNumber: number;
    readonly entries: number;
    readonly digest: string;
  }) => Promise<void>;
  readonly clock: Clock;
}

/** Clocks that are behind accept it at once. */
const BACKDATE_MS = 60_000;
/** As long as a listed certificate may live after its revocation, where nobody knows its end any more. */
const LONGEST_MS = 8 * 24 * 60 * 60 * 1000;

/**
 * Cost when nothing is due: one read; else two queries, one signature, one record and one conditional write. The number
 * is the time, or one more than the last: also after the table was put back, it is above any that a verifier has seen.
 */
export function createListKeeper(ports: ListPorts) {
  const { table, clock } = ports;
  let read: { readonly der: Uint8Array; readonly list: RevocationList } | undefined;

  return async function keepList(partition: ListPartition, isChanged: boolean): Promise<void> {
    const { createRevocationList, readRevocationList } = await import('@postern/ca/revocation-list');
    const issuer = await ports.issuerOf(partition.issuerKeyId);
    const key = listKey(partition);
    const item = await table.get(key);
    if (issuer === undefined || item === undefined) return;
    const nowMs = clock.nowMs();
    const before = previousOf(item.attributes['der']);
    const isDue = before === undefined || nowMs >= (before.thisUpdateMs + before.nextUpdateMs) / 2;
    if (!isDue && !isChanged) return;
    const certificates = await ports.slots.certificates(partition);
    // Nobody has one of its certificates yet: whoever is about to, asks again.
    if (certificates.length === 0 && before === undefined) return;
    const entries = entriesOf(before, certificates, await liveRevocations(), partition.issuerKeyId, nowMs);
    if (!isDue && before !== undefined && isSame(before.entries, entries)) return;
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
    await table.put(
      {
        ...key,
        attributes: { der, number },
        expiresAtSeconds: Math.ceil((lastEndMs + LONGEST_MS) / 1000),
      },
      // Of two that are at it, one is first; the other finds it done.
      { kind: 'equals', attribute: 'number', value: Number(item.attributes['number'] ?? 0) },
    );

    /** What is not signed by the issuer counts for nothing. */
    function previousOf(der: unknown): RevocationList | undefined {
      if (!(der instanceof Uint8Array)) return undefined;
      if (read !== undefined && Buffer.compare(read.der, der) === 0) return read.list;
      const list = readRevocationList(der);
      if (list === undefined || !list.isSignedBy((issuer as { certificate: Certificate }).certificate.spki))
        return undefined;
      if (list.distributionPoints.every((point) => !point.endsWith(`/${partition.number}`))) return undefined;
      read = { der, list };
      return list;
    }
  };

  async function liveRevocations(): Promise<ReadonlyMap<string, RevocationFact>> {
    const live = new Map<string, RevocationFact>();
    for (let after: string | undefined, isMore = true; isMore; isMore = after !== undefined) {
      const page = await ports.feedLog.list('revocation', { limit: 1000, ...(after !== undefined && { after }) });
      for (const fact of page.facts) if (fact.kind === 'revocation') live.set(fact.subject, fact);
      after = page.next;
    }
    return live;
  }
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
    const revokedAtMs = Math.floor(fact.observedAtMs / 1000) * 1000;
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
