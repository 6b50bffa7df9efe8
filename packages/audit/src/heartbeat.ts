/**
 * What a producer says of itself between segments: the number of its last record. Records that it made and that never
 * arrived are then known to be missing, and how many.
 */
import { canonicalJson } from '@postern/canonical-json';
import { type PublicJwk, type Signer, signJws, verifyJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';

export const HEARTBEAT_TYPE = 'postern-heartbeat+jws';
export const MAX_HEARTBEAT_BYTES = 2048;

export interface Heartbeat {
  readonly v: 1;
  readonly producer: string;
  /** Number of the last record made, whether or not it was handed on; 0 before the first. */
  readonly last: number;
  /** Records counted and not kept, since the start. */
  readonly dropped: number;
  readonly atMs: number;
}

export type HeartbeatReason = 'heartbeat-signature' | 'heartbeat-malformed';

/** Cost: one signature. */
export async function signHeartbeat(heartbeat: Omit<Heartbeat, 'v'>, signer: Signer): Promise<string> {
  const { producer, last, dropped, atMs } = heartbeat;
  const payload = Buffer.from(canonicalJson({ v: 1, producer, last, dropped, atMs }));
  return signJws(signer, { typ: HEARTBEAT_TYPE, payload });
}

/** `jws`: untrusted. `key`: the one registered for the producer that is expected. */
export function verifyHeartbeat(
  jws: string,
  expected: { readonly producer: string; readonly key: PublicJwk },
): Result<Heartbeat, HeartbeatReason> {
  const verified = verifyJws(jws, {
    typ: HEARTBEAT_TYPE,
    algorithms: ['ES256', 'EdDSA'],
    maxBytes: MAX_HEARTBEAT_BYTES,
    key: () => expected.key,
  });
  if (!verified.ok) return refuse('heartbeat-signature', verified.reason);
  const heartbeat = parseHeartbeat(verified.value.payload);
  return heartbeat?.producer === expected.producer ? accept(heartbeat) : refuse('heartbeat-malformed');
}

function parseHeartbeat(payload: Uint8Array): Heartbeat | undefined {
  try {
    const heartbeat = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Heartbeat | null;
    const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
    const isWhole =
      heartbeat?.v === 1 && isCount(heartbeat.last) && isCount(heartbeat.dropped) && isCount(heartbeat.atMs);
    return isWhole ? heartbeat : undefined;
  } catch {
    return undefined;
  }
}
