/**
 * Certification requests, checked. Only the public key is taken from one, after its holder proved possession; names come
 * from registration entries. Names that are there must be the granted ones: a mismatch is a misconfigured client, and
 * better told than silently replaced.
 */
import { parsePem } from '@postern/der';
import { readSpki, type SignatureAlgorithm, verifyX509Signature } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { SpiffeId } from '@postern/spiffe';
import { type RequestedNames, readCertificationRequest } from './certification_request.ts';
import { type CsrKeyReason, checkCsrKey } from './csr_key.ts';

/** An RSA-4096 request with every name that we would grant has half of it. */
export const MAX_CSR_BYTES = 8 * 1024;
/** The same in base64 with line breaks. */
const MAX_CSR_PEM_BYTES = 12 * 1024;

export type CsrReason =
  | CsrKeyReason
  | 'csr-too-large'
  | 'csr-malformed'
  | 'csr-extension-unsupported'
  | 'csr-signature';

export type CsrNamesReason = 'csr-extra-uri' | 'csr-san-not-entitled';

export interface CheckedCsr extends RequestedNames {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** What the subject key signs with. */
  readonly algorithm: SignatureAlgorithm;
  /** RFC 7638. */
  readonly keyThumbprint: string;
}

/** `csr`: untrusted; DER, or PEM as text. Its signature is verified last, once its key is known to be cheap to use. */
export function parseCsr(csr: Uint8Array | string): Result<CheckedCsr, CsrReason> {
  const der = typeof csr === 'string' ? derOf(csr) : accept(csr);
  if (!der.ok) return der;
  if (der.value.length > MAX_CSR_BYTES) return refuse('csr-too-large', `${der.value.length} bytes`);
  const request = readCertificationRequest(der.value);
  if (!request.ok) return request;
  const { spki, algorithm, info: message, signature, names } = request.value;
  const read = readSpki(spki);
  const key = checkCsrKey(read);
  if (!key.ok) return key;
  if (!verifyX509Signature({ spki, read, algorithm, message, signature })) return refuse('csr-signature');
  return accept({ ...names, spki, algorithm: key.value.algorithm, keyThumbprint: key.value.thumbprint });
}

function derOf(pem: string): Result<Uint8Array, CsrReason> {
  if (pem.length > MAX_CSR_PEM_BYTES) return refuse('csr-too-large', `${pem.length} characters`);
  // RFC 7468 7: the second label is an older spelling.
  for (const label of ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']) {
    const blocks = parsePem(pem, label, { maxBytes: MAX_CSR_PEM_BYTES });
    if (blocks.ok && blocks.value.length === 1) return accept(blocks.value[0] as Uint8Array);
  }
  return refuse('csr-malformed', 'pem');
}

/** A request that names anything must name what is granted, and nothing else (x509.md P5). Without a SPIFFE ID no URI is. */
export function checkCsrNames(
  csr: Omit<RequestedNames, 'commonNames'>,
  granted: { readonly spiffeId?: SpiffeId; readonly dnsNames: readonly string[] },
): Result<void, CsrNamesReason> {
  if (csr.uris.length > 1) return refuse('csr-extra-uri');
  const isGranted =
    csr.others === 0 &&
    csr.uris.every((uri) => uri === granted.spiffeId?.uri) &&
    csr.dnsNames.every((name) => granted.dnsNames.includes(name));
  return isGranted ? accept(undefined) : refuse('csr-san-not-entitled');
}
