/**
 * Segments: numbered batches of one producer's records, chained by digest and signed by the producer's key. What an
 * honest producer recorded cannot be changed, reordered or left out without its chain, numbers or root saying so.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@postern/canonical-json';
import { type PublicJwk, type Signer, signJws, verifyJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { hashLeaf, rootOf } from './merkle.ts';
import type { AuditRecord } from './record.ts';

export const SEGMENT_TYPE = 'postern-segment+jws';
/** A log entry is at most 64 KiB with its length prefix (C2SP tlog-tiles); base64url and signature included. */
export const MAX_SEGMENT_BYTES = 64 * 1024 - 2;
/** Payload bytes that fit into such a JWS: 3/4 of it, less header and signature. */
export const MAX_SEGMENT_PAYLOAD_BYTES = 47 * 1024;

export interface Segment {
  readonly v: 1;
  readonly producer: string;
  /** Numbers of the first and the last record. */
  readonly from: number;
  readonly to: number;
  /** Digest of the producer's segment before; empty for its first. */
  readonly previous: string;
  /** RFC 6962 root over the records' canonical JSON, hex. */
  readonly recordRoot: string;
  readonly records: readonly AuditRecord[];
  /** The producer ends here: whatever claims to come after it is forged. */
  readonly closed?: true;
}

export type SegmentReason =
  | 'segment-signature'
  | 'segment-malformed'
  | 'segment-numbers'
  | 'segment-root'
  | 'segment-producer';

/** SHA-256 of the compact JWS, hex: what the next segment names as `previous`. */
export function digestOfSegment(jws: string): string {
  return createHash('sha256').update(jws).digest('hex');
}

export function recordRootOf(records: readonly AuditRecord[]): string {
  const leaves = records.map((record) => hashLeaf(Buffer.from(canonicalJson(record))));
  return Buffer.from(rootOf(leaves)).toString('hex');
}

export async function signSegment(segment: Omit<Segment, 'v' | 'recordRoot'>, signer: Signer): Promise<string> {
  const whole: Segment = { v: 1, ...segment, recordRoot: recordRootOf(segment.records) };
  return signJws(signer, { typ: SEGMENT_TYPE, payload: Buffer.from(canonicalJson(whole)) });
}

/** `jws`: untrusted. `key`: the one registered for the producer that is expected. */
export function verifySegment(jws: string, expected: { readonly producer: string; readonly key: PublicJwk }): Result<Segment, SegmentReason> {
  const verified = verifyJws(jws, {
    typ: SEGMENT_TYPE,
    algorithms: ['ES256', 'EdDSA'],
    maxBytes: MAX_SEGMENT_BYTES,
    key: () => expected.key,
  });
  if (!verified.ok) return refuse('segment-signature', verified.reason);
  let segment: Segment;
  try {
    segment = JSON.parse(Buffer.from(verified.value.payload).toString('utf8'));
  } catch {
    return refuse('segment-malformed');
  }
  if (segment?.v !== 1 || !Array.isArray(segment.records) || typeof segment.previous !== 'string') return refuse('segment-malformed');
  if (segment.producer !== expected.producer) return refuse('segment-producer');
  const { from, to, records } = segment;
  const isNumbered =
    Number.isSafeInteger(from) &&
    from >= 1 &&
    to === from + records.length - 1 &&
    (records.length > 0 || segment.closed === true) &&
    records.every((record, index) => record?.number === from + index && record.producer === segment.producer);
  if (!isNumbered) return refuse('segment-numbers');
  return recordRootOf(records) === segment.recordRoot ? accept(segment) : refuse('segment-root');
}
