/**
 * Verifies a trail without trusting whoever kept it: needs the assertion key that was pinned at the start, and what the
 * trail says of itself. Changed, removed, reordered, repeated and never delivered records each have their finding.
 */
import type { PublicJwk } from '@postern/keys';
import { verifyProducerCertificate } from './producer_certificate.ts';
import { digestOfSegment, type Segment, verifySegment } from './segment.ts';
import type { AuditRecord } from './record.ts';

export interface TrailExport {
  /** Certificates of all producers, compact JWS. */
  readonly producers: readonly { readonly certificate: string; readonly to: number; readonly isClosed: boolean }[];
  /** In the order of the trail. */
  readonly segments: readonly { readonly place: number; readonly producer: string; readonly jws: string }[];
}

export type FindingKind =
  | 'producer-certificate'
  | 'producer-unknown'
  | 'place-missing'
  | 'segment-invalid'
  | 'record-gap'
  | 'chain-broken'
  | 'after-close'
  | 'tail-missing'
  | 'issuance-open';

export interface Finding {
  readonly kind: FindingKind;
  readonly producer?: string;
  readonly detail: string;
}

export interface TrailReport {
  readonly ok: boolean;
  readonly producers: number;
  readonly segments: number;
  readonly records: number;
  readonly findings: readonly Finding[];
}

interface Progress {
  readonly key: PublicJwk;
  to: number;
  digest: string;
  isClosed: boolean;
}

/** `trail`: untrusted throughout. An issuance that began and never ended is stated, and is no failure of the trail. */
export function verifyTrail(trail: TrailExport, assertionKeys: readonly PublicJwk[]): TrailReport {
  const findings: Finding[] = [];
  const progress = new Map<string, Progress>();
  for (const { certificate } of trail.producers) {
    const verified = verifyProducerCertificate(certificate, assertionKeys);
    if (!verified.ok) findings.push({ kind: 'producer-certificate', detail: verified.detail ?? verified.reason });
    else progress.set(verified.value.producer, { key: verified.value.jwk, to: 0, digest: '', isClosed: false });
  }

  const openIssuances = new Map<string, AuditRecord>();
  let records = 0;
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
    const segment = verifySegment(entry.jws, { producer: entry.producer, key: producer.key });
    if (!segment.ok) {
      findings.push({ kind: 'segment-invalid', producer: entry.producer, detail: `${segment.reason} at place ${place}` });
      continue;
    }
    findings.push(...continuityOf(segment.value, producer));
    producer.to = segment.value.to;
    producer.digest = digestOfSegment(entry.jws);
    producer.isClosed ||= segment.value.closed === true;
    records += segment.value.records.length;
    for (const record of segment.value.records) trackIssuance(record, openIssuances);
  }

  for (const stated of trail.producers) {
    const verified = verifyProducerCertificate(stated.certificate, assertionKeys);
    const seen = verified.ok ? progress.get(verified.value.producer) : undefined;
    if (verified.ok && seen !== undefined && seen.to < stated.to)
      findings.push({ kind: 'tail-missing', producer: verified.value.producer, detail: `ends at ${seen.to}, acknowledged to ${stated.to}` });
  }
  for (const record of openIssuances.values()) {
    if (record.kind === 'issuance-begin')
      findings.push({ kind: 'issuance-open', producer: record.producer, detail: `serial ${record.serial} began and never ended` });
  }
  const ok = findings.every((finding) => finding.kind === 'issuance-open');
  return { ok, producers: progress.size, segments: trail.segments.length, records, findings };
}

function continuityOf(segment: Segment, before: Progress): Finding[] {
  const { producer } = segment;
  const findings: Finding[] = [];
  if (before.isClosed) findings.push({ kind: 'after-close', producer, detail: `numbers from ${segment.from}` });
  if (segment.from !== before.to + 1)
    findings.push({ kind: 'record-gap', producer, detail: `expected number ${before.to + 1}, found ${segment.from}` });
  if (segment.previous !== before.digest)
    findings.push({ kind: 'chain-broken', producer, detail: `at number ${segment.from}` });
  return findings;
}

function trackIssuance(record: AuditRecord, open: Map<string, AuditRecord>): void {
  if (record.kind === 'issuance-begin') open.set(record.serial, record);
  if (record.kind === 'issuance-complete' || record.kind === 'issuance-failed') open.delete(record.serial);
}
