/**
 * Taking access back, and what was taken back. A revocation is in force with its fact: decision points follow the feed,
 * and nothing is issued against one. What follows from it, `rotate` does at once, and again when it could not.
 */
import { PATHS, type RevocationAnswer, type RevocationsAnswer } from '@postern/api';
import type { RecordBody } from '@postern/audit';
import { type EntryStore, type IssuedIndex, isReasonCode } from '@postern/ca';
import { type Fact, type FeedLog, isStillLatest, type RevocationFact } from '@postern/feed';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import { type Administrator, pathsOf, type VerifyAdministrator } from '../door/administrator.ts';
import type { Door, DoorRefusal } from '../door/door.ts';
import { checkShape, flag, integer, isCursor, optional, text } from '../door/shape.ts';
import { parseRevocationSubject, type SubjectKind } from './revocation_subject.ts';

export interface RevocationDoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly trustDomain: TrustDomain;
  readonly entries: Pick<EntryStore, 'get'>;
  readonly feedLog: FeedLog;
  readonly issued: Pick<IssuedIndex, 'list'>;
  /** Has `rotate` do what follows, as much as one run does. Rejects when it cannot now. */
  readonly applyRevocations: () => Promise<boolean>;
  readonly clock: Clock;
  readonly record: (body: RecordBody) => Promise<void>;
}

/** Longer than any credential of ours lives, so that a revocation outlives what it takes back. */
const REVOCATION_LIFE_MS = 30 * 24 * 60 * 60 * 1000;
/** What has to do with certificates, and so with lists. */
const OF_CERTIFICATES: ReadonlySet<SubjectKind> = new Set(['svid', 'spiffe-id', 'issuer', 'entry', 'agent']);
/** Given back: what was revoked by its certificates stays so, and others are had anew. */
const LIFTABLE: ReadonlySet<SubjectKind> = new Set(['entry', 'agent', 'device']);
/** Counted for a dry run. */
const MAX_COUNTED = 10_000;

const REQUEST = {
  subject: text(2048),
  reason: text(256),
  reasonCode: optional(isReasonCode),
  expiresAtMs: optional(integer(1, Number.MAX_SAFE_INTEGER)),
  lift: optional(flag),
  dryRun: optional(flag),
};

export function mountRevocationDoors(door: Pick<Door, 'administrator'>, ports: RevocationDoorPorts): void {
  const { verifyAdministrator: verify, feedLog, clock, trustDomain } = ports;
  const path = PATHS.admin.revocations;

  door.administrator(verify, 'access:revoke', 'POST', path, 4096, async (context, by, body) => {
    const request = checkShape(body, REQUEST);
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
    const { reason, reasonCode, lift = false, dryRun = false } = request.value;
    if (!reason.isWellFormed()) return { refused: 'malformed-request', reason: 'revocation-reason' };
    const parsed = parseRevocationSubject(request.value.subject, trustDomain);
    if (!parsed.ok)
      return {
        refused: 'malformed-request',
        reason: parsed.reason,
        detail: 'subject is KIND:NAME, see docs/revocation.md',
      };
    const { subject, kind, name } = parsed.value;
    const refused = await refusedToTeam(by, { kind, name, lift });
    if (refused !== undefined) return refused;
    const nowMs = clock.nowMs();
    const known = await feedLog.latest('revocation', subject);
    const before = liveRevocation(known, nowMs);
    if (lift && before === undefined) return { refused: 'not-found', reason: 'revocation-unknown' };
    const isFinal = before !== undefined && !LIFTABLE.has(kind) && before.reasonCode !== 'certificate-hold';
    // One that is on hold from now on could be given back next.
    if (isFinal && (lift || reasonCode === 'certificate-hold'))
      return {
        refused: 'conflict',
        reason: 'revocation-final',
        detail: 'only a certificate-hold is lifted: issue anew',
      };
    const wishedMs = request.value.expiresAtMs ?? nowMs + REVOCATION_LIFE_MS;
    // A second word ends no first one earlier: that would be lifting it, by another name.
    const expiresAtMs = lift ? nowMs : Math.max(wishedMs, before?.expiresAtMs ?? 0);
    // One that has ended before it begins would be answered as done, and nothing would be taken back.
    if (!lift && wishedMs <= nowMs)
      return { refused: 'malformed-request', reason: 'revocation-expired', detail: 'expiresAtMs is in the past' };
    const svids = lift ? 0 : await countSvids(kind, name);
    if (kind === 'entry' && !lift && svids === 0 && (await ports.entries.get(name)) === undefined)
      return { refused: 'not-found', reason: 'entry-unknown' };
    if (dryRun) return context.json({ subject, dryRun, svids } satisfies RevocationAnswer);
    await ports.record({ kind: 'revocation', subject, reason, ...(lift && { lifted: true }), by: by.name });
    const coded = reasonCode === undefined ? {} : { reasonCode };
    const header = {
      kind: 'revocation',
      observedAtMs: nowMs,
      expiresAtMs,
      notBeforeMs: nowMs,
      reason,
      ...coded,
    } as const;
    const facts: RevocationFact[] = [{ ...header, subject }];
    // Its own SVID, for decision points that know nothing of agents.
    if (kind === 'agent') {
      const named = liveRevocation(await feedLog.latest('revocation', `spiffe-id:${name}`), nowMs);
      const isItsOwn = named === undefined || named.observedAtMs === before?.observedAtMs;
      // What somebody else said of the name alone stays, and as long.
      if (isItsOwn) facts.push({ ...header, subject: `spiffe-id:${name}` });
      else if (!lift)
        facts.push({ ...named, notBeforeMs: nowMs, expiresAtMs: Math.max(expiresAtMs, named.expiresAtMs) });
    }
    const appended = await feedLog.append(facts, isStillLatest(feedLog, { kind: 'revocation', subject }, known));
    if (!appended.ok && appended.reason === 'fact-outdated')
      return { refused: 'conflict', reason: 'revocation-moved', detail: 'somebody else had a word at the same time' };
    if (!appended.ok) return { refused: 'unavailable', reason: appended.reason };
    const isApplied = OF_CERTIFICATES.has(kind) ? await applied() : true;
    const answer = { subject, sequence: appended.value.sequence, svids, isApplied, ...(lift && { lifted: true }) };
    return context.json(answer satisfies RevocationAnswer, 201);
  });

  door.administrator(verify, 'revocations:read', 'GET', path, 0, async (context) => {
    const { after } = context.req.query();
    if (!isCursor(after)) return { refused: 'malformed-request', reason: 'cursor' };
    const page = await feedLog.list('revocation', { limit: 500, ...(after !== undefined && { after }) });
    const nowMs = clock.nowMs();
    const revocations = page.facts.flatMap((fact) =>
      fact.kind === 'revocation' && fact.expiresAtMs > nowMs
        ? [
            {
              subject: fact.subject,
              reason: fact.reason,
              ...(fact.reasonCode !== undefined && { reasonCode: fact.reasonCode }),
              revokedAtMs: fact.observedAtMs,
              expiresAtMs: fact.expiresAtMs,
            },
          ]
        : [],
    );
    return context.json({
      revocations,
      ...(page.next !== undefined && { next: page.next }),
    } satisfies RevocationsAnswer);
  });

  /** The next tick makes up for it. */
  const applied = () => ports.applyRevocations().catch(() => false);

  /**
   * Its own entries and SPIFFE IDs; of anything else nobody could say whose it is. What was taken from a team it does not
   * give back to itself.
   */
  async function refusedToTeam(
    by: Administrator,
    { kind, name, lift }: { readonly kind: SubjectKind; readonly name: string; readonly lift: boolean },
  ): Promise<DoorRefusal | undefined> {
    const prefixes = pathsOf(by, 'access:revoke')?.map((it) => `spiffe://${trustDomain}${it}`);
    if (prefixes === undefined) return undefined;
    if (lift) return { refused: 'not-permitted', reason: 'revocation-lift-by-team' };
    if (kind === 'entry') {
      const entry = await ports.entries.get(name);
      const isTheirs = prefixes.some((prefix) => entry?.spiffeId.startsWith(prefix) === true);
      return isTheirs ? undefined : { refused: 'not-found', reason: 'entry-outside-paths' };
    }
    const isTheirs = kind === 'spiffe-id' && prefixes.some((prefix) => name.startsWith(prefix));
    return isTheirs ? undefined : { refused: 'not-permitted', reason: 'revocation-outside-paths' };
  }

  async function countSvids(kind: SubjectKind, name: string): Promise<number> {
    if (kind !== 'entry' && kind !== 'agent') return 0;
    let count = 0;
    for await (const { notAfterMs } of ports.issued.list(kind, name)) {
      if (notAfterMs > clock.nowMs()) count += 1;
      if (count >= MAX_COUNTED) break;
    }
    return count;
  }
}

function liveRevocation(fact: Fact | undefined, nowMs: number): RevocationFact | undefined {
  return fact?.kind === 'revocation' && fact.expiresAtMs > nowMs ? fact : undefined;
}
