/** Which subject keys a certificate is issued for (x509.md P2, P5). */
import type { KeyObject } from 'node:crypto';
import { isRocaModulus, MIN_RSA_BITS, type ReadKey, type SignatureAlgorithm } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';

/** P-521 is left out: few peers take it, and it is stronger than the authority's own key. */
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1']);
/** Larger ones cost every peer of the workload a handshake's worth of work, for no strength that counts. */
const MAX_RSA_BITS = 4096;
/** Smaller ones are a sign of a home-made generator; larger ones of a chosen private exponent. */
const RSA_EXPONENT = 65537n;

export type CsrKeyReason = 'csr-key-unsupported' | 'csr-key-weak';

/**
 * P-256, P-384, Ed25519, RSA of 2,048 to 4,096 bits. `read`: untrusted. `csr-key-weak`: a kind of ours that can be
 * broken; `csr-key-unsupported`: any other kind, a point off its curve, and any but the one encoding of a key, since the
 * certificate would carry it on (CVE-2020-0601 hid in explicit curve parameters).
 */
export function checkCsrKey(read: ReadKey | undefined): Result<CsrKey, CsrKeyReason> {
  if (read === undefined) return refuse('csr-key-unsupported', 'not a public key');
  const { key, algorithm, thumbprint, isCanonical } = read;
  // Of these kinds nothing else is to be checked, and asking for a key's details costs as much as using it.
  const kind = isCanonical && algorithm !== undefined && UNCONDITIONAL.has(algorithm) ? ACCEPTED : checkKind(key);
  if (!kind.ok) return kind;
  if (!isCanonical) return refuse('csr-key-unsupported', 'encoding');
  if (algorithm === undefined || thumbprint === undefined) return refuse('csr-key-unsupported');
  return accept({ algorithm, thumbprint });
}

const UNCONDITIONAL: ReadonlySet<SignatureAlgorithm> = new Set(['ES256', 'ES384', 'EdDSA']);
const ACCEPTED = accept(undefined);

export interface CsrKey {
  /** What it signs with. */
  readonly algorithm: SignatureAlgorithm;
  /** RFC 7638. */
  readonly thumbprint: string;
}

function checkKind(key: KeyObject): Result<void, CsrKeyReason> {
  const { namedCurve = '', modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      return CURVES.has(namedCurve) ? accept(undefined) : refuse('csr-key-unsupported', 'curve');
    case 'ed25519':
      return accept(undefined);
    case 'rsa': {
      if (modulusLength < MIN_RSA_BITS) return refuse('csr-key-weak', `${modulusLength} bits`);
      if (modulusLength > MAX_RSA_BITS) return refuse('csr-key-unsupported', `${modulusLength} bits`);
      if (publicExponent !== RSA_EXPONENT) return refuse('csr-key-weak', 'exponent');
      const modulus = Buffer.from(key.export({ format: 'jwk' })['n'] as string, 'base64url');
      return isRocaModulus(modulus) ? refuse('csr-key-weak', 'roca') : accept(undefined);
    }
    default:
      return refuse('csr-key-unsupported', 'type');
  }
}
