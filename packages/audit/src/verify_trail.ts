/**
 * Verifies a trail without trusting whoever kept it: needs the assertion key that was pinned at the start, and what the
 * trail says of itself. Changed, removed, reordered, repeated and never delivered records each have their finding.
 */
import type { PublicJwk } from '@postern/keys';
import { verifyHeartbeat } from './heartbeat.ts';
import { verifyProducerCertificate } from './producer_certificate.ts';
import type { AuditRecord } from './record.ts';
import { digestOfSegment, type Segment, verifySegment } from './segment.ts';

export interface TrailExport {
  /** Read before the segments, so that what was acknowledged meanwhile is not missed in them. */
  readonly producers: readonly {
    /** Compact JWS. */
    readonly certificate: string;
    readonly to: number;
    readonly isClosed: boolean;
    /** The newest one, compact JWS. */
    readonly heartbeat?: string;
  }[];
  /** In the order of the trail. */
  readonly segments: readonly { readonly place: number; readonly producer: string; readonly jws: string }[];
}

export type FindingKind =
  | 'producer-certificate'
  | 'producer-unknown'
  | 'place-missing'
  | 'segment-invalid'
  | 'segment-repeated'
  | 'segment-fork'
  | 'record-gap'
  | 'chain-broken'
  | 'after-close'
  | 'tail-missing'
  | 'heartbeat-invalid'
  | 'records-dropped'
  | 'producer-not-closed'
  | 'issuance-open';

const STATEMENTS: readonly FindingKind[] = ['records-dropped', 'producer-not-closed', 'issuance-open'];

/** What an honest producer says of itself, or a crash leaves behind; the trail is no less whole for it. */
export const isStatement = (kind: FindingKind): boolean => STATEMENTS.includes(kind);

export interface Finding {
  readonly kind: FindingKind;
  readonly producer?: string;
  readonly detail: string;
}

export interface ProducerReport {
  readonly producer: string;
  readonly owner: string;
  readonly segments: number;
  readonly records: number;
  /** Last record number that was verified. */
  readonly to: number;
  readonly isClosed: boolean;
}

export interface TrailReport {
  readonly ok: boolean;
  readonly producers: number;
  readonly segments: number;
  readonly records: number;
  readonly findings: readonly Finding[];
  readonly byProducer: readonly ProducerReport[];
}

interface Progress {
  readonly producer: string;
  readonly owner: string;
  readonly openedAtMs: number;
  readonly key: PublicJwk;
  segments: number;
  records: number;
  to: number;
  digest: string;
  isClosed: boolean;
  /** Digests by first number: tells a repetition from another story. */
  readonly seen: Map<number, string>;
}

/**
 * `trail`: untrusted throughout. `assertionKeys`: pinned. An issuance that began and never ended, a producer
 * that was killed, and records that their producer counted and dropped, are stated and are no failure of the trail. Reads everything once; holds a digest a segment.
 */
export function verifyTrail(trail: TrailExport, assertionKeys: readonly PublicJwk[]): TrailReport {
  const findings: Finding[] = [];
  const progress = openProducers(trail, assertionKeys, findings);
  const openIssuances = new Map<string, AuditRecord>();
  let place = 0;
  for (const entry of trail.segments) {
    place += 1;
    if (entry.place !== place) {
      findings.push({ kind: 'place-missing', detail: `expected place ${place}, found ${entry.place}` });
      place = entry.place;
    }
    const producer = progress.get(entry.producer);
    if (producer === undefined) {
      findings.push({ kind: 'producer-unknown', producer: entry.producer, detail: `at place ${place}` });
      continue;
    }
    const jws = String(entry.jws);
    const segment = verifySegment(jws, { producer: entry.producer, key: producer.key });
    if (!segment.ok) {
      const detail = `${segment.reason} at place ${place}`;
      findings.push({ kind: 'segment-invalid', producer: entry.producer, detail });
      continue;
    }
    const digest = digestOfSegment(jws);
    findings.push(...continuityOf(segment.value, digest, producer));
    advance(producer, segment.value, digest);
    for (const record of segment.value.records) {
      trackIssuance(record, openIssuances);
      findings.push(...dropsOf(record));
    }
  }

  findings.push(...missingTails(trail, assertionKeys, progress));
  findings.push(...unclosedOf([...progress.values()]));
  for (const record of openIssuances.values()) {
    if (record.kind === 'issuance-begin')
      findings.push({
        kind: 'issuance-open',
        producer: record.producer,
        detail: `serial ${record.serial} began and never ended`,
      });
  }
  const byProducer = [...progress.values()].map(({ producer, owner, segments, records, to, isClosed }) => {
    return { producer, owner, segments, records, to, isClosed };
  });
  return {
    ok: findings.every((finding) => isStatement(finding.kind)),
    producers: progress.size,
    segments: trail.segments.length,
    records: byProducer.reduce((sum, producer) => sum + producer.records, 0),
    findings,
    byProducer,
  };
}

function openProducers(
  trail: TrailExport,
  assertionKeys: readonly PublicJwk[],
  findings: Finding[],
): Map<string, Progress> {
  const progress = new Map<string, Progress>();
  for (const { certificate } of trail.producers) {
    const verified = verifyProducerCertificate(String(certificate), assertionKeys);
    if (!verified.ok) {
      findings.push({ kind: 'producer-certificate', detail: verified.detail ?? verified.reason });
      continue;
    }
    const { producer, owner, jwk: key, atMs: openedAtMs } = verified.value;
    if (progress.has(producer)) findings.push({ kind: 'producer-certificate', producer, detail: 'vouched for twice' });
    else
      progress.set(producer, {
        ...{ producer, owner, openedAtMs, key },
        ...{ segments: 0, records: 0, to: 0, digest: '', isClosed: false, seen: new Map() },
      });
  }
  return progress;
}

function continuityOf(segment: Segment, digest: string, before: Progress): Finding[] {
  const { producer, from } = segment;
  const seen = before.seen.get(from);
  if (seen === digest) return [{ kind: 'segment-repeated', producer, detail: `numbers from ${from}` }];
  const findings: Finding[] = [];
  if (before.isClosed) findings.push({ kind: 'after-close', producer, detail: `numbers from ${from}` });
  if (from <= before.to)
    findings.push({ kind: 'segment-fork', producer, detail: `numbers from ${from} are told twice` });
  if (from > before.to + 1)
    findings.push({ kind: 'record-gap', producer, detail: `expected number ${before.to + 1}, found ${from}` });
  if (segment.previous !== before.digest)
    findings.push({ kind: 'chain-broken', producer, detail: `at number ${from}` });
  return findings;
}

function advance(producer: Progress, segment: Segment, digest: string): void {
  if (producer.seen.get(segment.from) === digest) return;
  producer.seen.set(segment.from, digest);
  producer.segments += 1;
  producer.records += segment.records.length;
  producer.to = segment.to;
  producer.digest = digest;
  producer.isClosed ||= segment.closed === true;
}

/** What was acknowledged, or what a producer said that it had made, and is not there. */
function missingTails(
  trail: TrailExport,
  assertionKeys: readonly PublicJwk[],
  progress: ReadonlyMap<string, Progress>,
): Finding[] {
  const findings: Finding[] = [];
  for (const stated of trail.producers) {
    const verified = verifyProducerCertificate(String(stated.certificate), assertionKeys);
    const seen = verified.ok ? progress.get(verified.value.producer) : undefined;
    if (seen === undefined) continue;
    const { producer, key } = seen;
    if (seen.to < stated.to)
      findings.push({ kind: 'tail-missing', producer, detail: `ends at ${seen.to}, acknowledged to ${stated.to}` });
    else if (stated.isClosed && !seen.isClosed)
      findings.push({ kind: 'tail-missing', producer, detail: `ends at ${seen.to} without having closed` });
    if (stated.heartbeat === undefined) continue;
    const heartbeat = verifyHeartbeat(String(stated.heartbeat), { producer, key });
    if (!heartbeat.ok) findings.push({ kind: 'heartbeat-invalid', producer, detail: heartbeat.reason });
    else if (heartbeat.value.last > seen.to)
      findings.push({
        kind: 'tail-missing',
        producer,
        detail: `ends at ${seen.to}, said to have made ${heartbeat.value.last}`,
      });
  }
  return findings;
}

/**
 * A producer that never said its last number although its owner has begun anew since: it was killed, and what it had in
 * memory then is not here. Nobody else can tell how much that was.
 */
function unclosedOf(producers: readonly Progress[]): Finding[] {
  const newestAtMs = new Map<string, number>();
  for (const { owner, openedAtMs } of producers)
    newestAtMs.set(owner, Math.max(openedAtMs, newestAtMs.get(owner) ?? openedAtMs));
  return producers
    .filter(({ owner, openedAtMs, isClosed }) => !isClosed && openedAtMs < (newestAtMs.get(owner) as number))
    .map(({ producer, owner, to }) => ({
      kind: 'producer-not-closed',
      producer,
      // A platform ends instances of a function without a word, and several run at once.
      detail: owner.startsWith('spiffe://')
        ? `ended after number ${to} without saying so; records after it may be lost`
        : `has not said that it ended after number ${to}; a function answers only when its record is durable`,
    }));
}

/** By producer: nobody ends what another began. */
function trackIssuance(record: AuditRecord, open: Map<string, AuditRecord>): void {
  const { kind, producer } = record;
  if (kind === 'issuance-begin') open.set(`${producer} ${record.serial}`, record);
  if (kind === 'issuance-complete' || kind === 'issuance-failed') open.delete(`${producer} ${record.serial}`);
}

function dropsOf(record: AuditRecord): Finding[] {
  if (record.kind !== 'drop') return [];
  const detail = `${record.count} records before number ${record.number} were counted and not kept`;
  return [{ kind: 'records-dropped', producer: record.producer, detail }];
}
