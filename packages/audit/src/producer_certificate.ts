/**
 * Which key a producer's segments are verified with, vouched for by the control plane's assertion key: a verifier needs
 * that one public key and no list of ours.
 */
import { type PublicJwk, type Signer, signJws, verifyJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';

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
  try {
    const certificate = JSON.parse(Buffer.from(verified.value.payload).toString('utf8')) as ProducerCertificate;
    const isWhole = typeof certificate?.producer === 'string' && typeof certificate.jwk === 'object' && certificate.jwk !== null;
    return isWhole ? accept(certificate) : refuse('producer-certificate');
  } catch {
    return refuse('producer-certificate');
  }
}
