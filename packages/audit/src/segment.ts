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
import { isRecord } from './record_bounds.ts';

export const SEGMENT_TYPE = 'postern-segment+jws';
/** A log entry is at most 64 KiB with its length prefix (C2SP tlog-tiles); base64url and signature included. */
export const MAX_SEGMENT_BYTES = 64 * 1024 - 2;
/** Payload bytes that fit into such a JWS: 3/4 of it, less header and signature. */
export const MAX_SEGMENT_PAYLOAD_BYTES = 47 * 1024;

export interface SegmentHeader {
  readonly producer: string;
  /** Numbers of the first and the last record. */
  readonly from: number;
  readonly to: number;
  /** Digest of the producer's segment before; empty for its first. */
  readonly previous: string;
  /** The producer ends here: whatever claims to come after it is forged. */
  readonly closed?: true;
}

export interface Segment extends SegmentHeader {
  readonly v: 1;
  /** RFC 6962 root over the records' canonical JSON, hex. */
  readonly recordRoot: string;
  readonly records: readonly AuditRecord[];
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

/** `recordTexts`: canonical JSON of each record. */
export function recordRootOf(recordTexts: readonly string[]): string {
  return Buffer.from(rootOf(recordTexts.map((text) => hashLeaf(Buffer.from(text))))).toString('hex');
}

/**
 * The canonical JSON of a segment (RFC 8785), around records that are canonical already: each is spelled once, hashed and
 * sent in that spelling.
 */
function formatSegment(header: SegmentHeader, recordRoot: string, recordTexts: readonly string[]): string {
  const { producer, from, to, previous, closed } = header;
  const before = canonicalJson({ closed, from, previous, producer, recordRoot });
  const after = canonicalJson({ to, v: 1 });
  return `${before.slice(0, -1)},"records":[${recordTexts.join(',')}],${after.slice(1)}`;
}

/** `recordTexts`: canonical JSON of each record. Cost: one signature. */
export async function signSegment(
  header: SegmentHeader,
  recordTexts: readonly string[],
  signer: Signer,
): Promise<string> {
  const payload = Buffer.from(formatSegment(header, recordRootOf(recordTexts), recordTexts));
  if (payload.length > MAX_SEGMENT_PAYLOAD_BYTES) throw new RangeError(`a segment of ${payload.length} bytes`);
  return signJws(signer, { typ: SEGMENT_TYPE, payload });
}

/**
 * `jws`: untrusted. `key`: the one registered for the producer that is expected. Only the canonical spelling of exactly the
 * members above is taken, so that every reader of a segment reads the same.
 */
export function verifySegment(
  jws: string,
  expected: { readonly producer: string; readonly key: PublicJwk },
): Result<Segment, SegmentReason> {
  const verified = verifyJws(jws, {
    typ: SEGMENT_TYPE,
    algorithms: ['ES256', 'EdDSA'],
    maxBytes: MAX_SEGMENT_BYTES,
    key: () => expected.key,
  });
  if (!verified.ok) return refuse('segment-signature', verified.reason);
  const parsed = parseSegment(verified.value.payload);
  if (parsed === undefined) return refuse('segment-malformed');
  const { segment, recordTexts } = parsed;
  if (segment.producer !== expected.producer) return refuse('segment-producer');
  if (!isNumbered(segment)) return refuse('segment-numbers');
  return recordRootOf(recordTexts) === segment.recordRoot ? accept(segment) : refuse('segment-root');
}

const DIGEST = /^[0-9a-f]{64}$/;

function parseSegment(
  payload: Uint8Array,
): { readonly segment: Segment; readonly recordTexts: readonly string[] } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
    const segment = JSON.parse(text) as Segment;
    const { v, previous, recordRoot, records, closed } = segment;
    const isWhole =
      v === 1 &&
      typeof previous === 'string' &&
      (previous === '' || DIGEST.test(previous)) &&
      typeof recordRoot === 'string' &&
      DIGEST.test(recordRoot) &&
      (closed === undefined || closed === true) &&
      Array.isArray(records) &&
      records.every(isRecord);
    if (!isWhole) return undefined;
    const recordTexts = records.map(canonicalJson);
    return formatSegment(segment, recordRoot, recordTexts) === text ? { segment, recordTexts } : undefined;
  } catch {
    return undefined;
  }
}

function isNumbered({ producer, from, to, records, closed }: Segment): boolean {
  return (
    Number.isSafeInteger(from) &&
    from >= 1 &&
    to === from + records.length - 1 &&
    (records.length > 0 || closed === true) &&
    records.every((record, index) => record.number === from + index && record.producer === producer)
  );
}
