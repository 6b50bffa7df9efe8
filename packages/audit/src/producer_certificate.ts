/**
 * Which key a producer's segments are verified with, vouched for by the control plane's assertion key: a verifier needs
 * that one public key and no list of ours.
 */
import { type PublicJwk, type Signer, signJws, verifyJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { isProducerId } from './record_bounds.ts';

export const PRODUCER_TYPE = 'postern-producer+jws';
const MAX_CERTIFICATE_BYTES = 4096;

export interface ProducerCertificate {
  readonly producer: string;
  readonly jwk: PublicJwk;
  /** SPIFFE ID that the producer proved, or the function's name. */
  readonly owner: string;
  readonly atMs: number;
}

/** One use of the assertion key. */
export async function certifyProducer(certificate: ProducerCertificate, assertionSigner: Signer): Promise<string> {
  return signJws(assertionSigner, { typ: PRODUCER_TYPE, payload: certificate });
}

/** `jws`: untrusted. `assertionKeys`: pinned; the certificate names one of them by `kid`. */
export function verifyProducerCertificate(
  jws: string,
  assertionKeys: readonly PublicJwk[],
): Result<ProducerCertificate, 'producer-certificate'> {
  const verified = verifyJws(jws, {
    typ: PRODUCER_TYPE,
    algorithms: ['ES256', 'ES384'],
    maxBytes: MAX_CERTIFICATE_BYTES,
    key: (header) => assertionKeys.find((key) => key['kid'] === header.kid),
  });
  if (!verified.ok) return refuse('producer-certificate', verified.reason);
  const certificate = parseCertificate(verified.value.payload);
  return certificate === undefined ? refuse('producer-certificate') : accept(certificate);
}

function parseCertificate(payload: Uint8Array): ProducerCertificate | undefined {
  try {
    const certificate = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(payload),
    ) as ProducerCertificate | null;
    const { producer, jwk, owner } = certificate ?? {};
    const isWhole = isProducerId(producer) && typeof jwk === 'object' && jwk !== null && typeof owner === 'string';
    return isWhole ? (certificate as ProducerCertificate) : undefined;
  } catch {
    return undefined;
  }
}
