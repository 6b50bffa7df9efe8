/** Verifies signatures with public keys; never throws on what comes from outside. */
import { type KeyObject, verify as nodeVerify } from 'node:crypto';
import { algorithmOfX509Oid, algorithmRow, type SignatureAlgorithm } from './algorithms.ts';
import { fitsAlgorithm, type ReadKey, readSpki } from './public_key.ts';

/** `signature`: raw r ‖ s for ECDSA in `jose` form, DER in `x509` form. */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
  form: 'jose' | 'x509',
): boolean {
  const fits = form === 'jose' ? fitsAlgorithm(key, algorithm) : fitsX509Algorithm(key, algorithm);
  return fits && isSignature(algorithm, key, message, signature, form === 'jose' ? 'ieee-p1363' : 'der');
}

function isSignature(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
  dsaEncoding: 'ieee-p1363' | 'der',
): boolean {
  const { digest, padding } = algorithmRow(algorithm);
  // A key by itself is Node's default, DER, and spares it telling keys from options, which costs a tenth of a signature.
  const keyOrOptions = padding === undefined && dsaEncoding === 'der' ? key : { key, dsaEncoding, ...padding };
  try {
    return nodeVerify(digest, message, keyOrOptions, signature);
  } catch {
    return false; // a malformed signature verifies as little as a wrong one
  }
}

/** RFC 5758 3.2 lets any digest go with any curve, and OpenSSL signs with SHA-256 whatever the curve; JOSE pairs them. */
function fitsX509Algorithm(key: KeyObject, algorithm: SignatureAlgorithm): boolean {
  if (algorithmRow(algorithm).keyType !== 'EC') return fitsAlgorithm(key, algorithm);
  return ECDSA.some((any) => fitsAlgorithm(key, any));
}

const ECDSA = ['ES256', 'ES384', 'ES512'] as const;

function isEcdsaAlgorithm(algorithm: SignatureAlgorithm | undefined): boolean {
  return ECDSA.some((name) => name === algorithm);
}

/** RFC 5280 `signatureAlgorithm` of a certificate, CSR or CRL. */
export interface X509SignatureInput {
  readonly spki: Uint8Array;
  /** Of `spki`, where the caller has read it. */
  readonly read?: ReadKey;
  readonly algorithm: { readonly oid: string; readonly parameters?: Uint8Array };
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Implements `VerifySignature` of `@postern/spiffe`. Parameters must be what the algorithm's row says: absent, or NULL
 * for RSA; what cannot be verified is false, never a throw.
 */
export function verifyX509Signature(input: X509SignatureInput): boolean {
  const algorithm = algorithmOfX509Oid(input.algorithm.oid);
  if (algorithm === undefined) return false;
  const isNull = input.algorithm.parameters?.length === 2 && input.algorithm.parameters[0] === 0x05;
  const needsNull = algorithmRow(algorithm).keyType === 'RSA';
  if (needsNull ? !isNull : input.algorithm.parameters !== undefined) return false;
  const read = input.read ?? readSpki(input.spki);
  if (read === undefined) return false;
  const isEcdsa = algorithmRow(algorithm).keyType === 'EC' && isEcdsaAlgorithm(read.algorithm);
  if (!isEcdsa && !fitsAlgorithm(read.key, algorithm)) return false;
  return isSignature(algorithm, read.key, input.message, input.signature, 'der');
}
