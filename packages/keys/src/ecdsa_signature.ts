/**
 * ECDSA signatures in their two spellings: DER `Ecdsa-Sig-Value` (X.509, KMS) and raw r ‖ s (JOSE). Strict both ways, so
 * that one signature has one spelling in each.
 */
import { parseDer, readSequence, readUnsigned, sequence, unsigned } from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';

/** Two P-521 integers with headers. */
const MAX_DER_BYTES = 144;

/** `coordinateBytes`: 32 for P-256, 48 for P-384, 66 for P-521. */
export function rawFromDer(der: Uint8Array, coordinateBytes: number): Result<Uint8Array, 'signature-malformed'> {
  const parsed = parseDer(der, { maxBytes: MAX_DER_BYTES });
  const parts = parsed.ok ? readSequence(parsed.value) : parsed;
  if (!parts.ok || parts.value.length !== 2) return refuse('signature-malformed');
  const raw = new Uint8Array(2 * coordinateBytes);
  for (const [index, part] of parts.value.entries()) {
    const magnitude = readUnsigned(part);
    if (!magnitude.ok || magnitude.value.length > coordinateBytes) return refuse('signature-malformed');
    raw.set(magnitude.value, (index + 1) * coordinateBytes - magnitude.value.length);
  }
  return accept(raw);
}

export function derFromRaw(raw: Uint8Array, coordinateBytes: number): Result<Uint8Array, 'signature-malformed'> {
  if (raw.length !== 2 * coordinateBytes) return refuse('signature-malformed');
  return accept(sequence(unsigned(raw.subarray(0, coordinateBytes)), unsigned(raw.subarray(coordinateBytes))));
}
