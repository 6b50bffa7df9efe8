/**
 * Everything about a signature algorithm, in one row: JOSE (RFC 7518, RFC 8037), X.509 (RFC 5758, RFC 4055, RFC 8410),
 * AWS KMS and node:crypto. A new algorithm is a new row.
 */
import { constants } from 'node:crypto';
import { nullValue, oid, sequence } from '@postern/der';

interface AlgorithmRow {
  readonly keyType: 'EC' | 'RSA' | 'OKP';
  /** `crv` of a JWK; curve of an EC key in node:crypto's words. */
  readonly curve?: { readonly jwk: string; readonly node: string; readonly coordinateBytes: number };
  /** Digest in node:crypto's words; null where the algorithm has its own. */
  readonly digest: string | null;
  readonly padding?: { readonly padding: number; readonly saltLength?: number };
  /** X.509 signatureAlgorithm; absent where we sign no certificates with it. */
  readonly x509?: { readonly oid: string; readonly identifier: Uint8Array };
  readonly kms: { readonly keySpec: string; readonly signingAlgorithm: string };
}

const P256 = { jwk: 'P-256', node: 'prime256v1', coordinateBytes: 32 };
const P384 = { jwk: 'P-384', node: 'secp384r1', coordinateBytes: 48 };
const P521 = { jwk: 'P-521', node: 'secp521r1', coordinateBytes: 66 };

/** ECDSA and Ed25519 have absent parameters (RFC 5758 3.2, RFC 8410 3), RSA PKCS #1 v1.5 has NULL (RFC 4055 5). */
const bare = (dotted: string) => ({ oid: dotted, identifier: sequence(oid(dotted)) });
const withNull = (dotted: string) => ({ oid: dotted, identifier: sequence(oid(dotted), nullValue()) });

const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const pss = (saltLength: number) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
const rsa = (signingAlgorithm: string) => ({ keySpec: 'RSA_3072', signingAlgorithm });

export const ALGORITHMS = {
  ES256: {
    keyType: 'EC',
    curve: P256,
    digest: 'sha256',
    x509: bare('1.2.840.10045.4.3.2'),
    kms: { keySpec: 'ECC_NIST_P256', signingAlgorithm: 'ECDSA_SHA_256' },
  },
  ES384: {
    keyType: 'EC',
    curve: P384,
    digest: 'sha384',
    x509: bare('1.2.840.10045.4.3.3'),
    kms: { keySpec: 'ECC_NIST_P384', signingAlgorithm: 'ECDSA_SHA_384' },
  },
  ES512: {
    keyType: 'EC',
    curve: P521,
    digest: 'sha512',
    x509: bare('1.2.840.10045.4.3.4'),
    kms: { keySpec: 'ECC_NIST_P521', signingAlgorithm: 'ECDSA_SHA_512' },
  },
  RS256: {
    keyType: 'RSA',
    digest: 'sha256',
    padding: PKCS1,
    x509: withNull('1.2.840.113549.1.1.11'),
    kms: rsa('RSASSA_PKCS1_V1_5_SHA_256'),
  },
  RS384: {
    keyType: 'RSA',
    digest: 'sha384',
    padding: PKCS1,
    x509: withNull('1.2.840.113549.1.1.12'),
    kms: rsa('RSASSA_PKCS1_V1_5_SHA_384'),
  },
  RS512: {
    keyType: 'RSA',
    digest: 'sha512',
    padding: PKCS1,
    x509: withNull('1.2.840.113549.1.1.13'),
    kms: rsa('RSASSA_PKCS1_V1_5_SHA_512'),
  },
  PS256: { keyType: 'RSA', digest: 'sha256', padding: pss(32), kms: rsa('RSASSA_PSS_SHA_256') },
  PS384: { keyType: 'RSA', digest: 'sha384', padding: pss(48), kms: rsa('RSASSA_PSS_SHA_384') },
  PS512: { keyType: 'RSA', digest: 'sha512', padding: pss(64), kms: rsa('RSASSA_PSS_SHA_512') },
  EdDSA: {
    keyType: 'OKP',
    curve: { jwk: 'Ed25519', node: 'ed25519', coordinateBytes: 32 },
    digest: null,
    x509: bare('1.3.101.112'),
    kms: { keySpec: 'ECC_NIST_EDWARDS25519', signingAlgorithm: 'ED25519_SHA_512' },
  },
} as const satisfies { readonly [name: string]: AlgorithmRow };

/** JOSE's name; our name for the algorithm everywhere. */
export type SignatureAlgorithm = keyof typeof ALGORITHMS;

export function isSignatureAlgorithm(name: unknown): name is SignatureAlgorithm {
  return typeof name === 'string' && Object.hasOwn(ALGORITHMS, name);
}

/** The row, widened so that optional columns can be read of any algorithm. */
export function algorithmRow(algorithm: SignatureAlgorithm): AlgorithmRow {
  return ALGORITHMS[algorithm];
}

/** `undefined`: not an algorithm that we verify certificates with. */
export function algorithmOfX509Oid(dotted: string): SignatureAlgorithm | undefined {
  const names = Object.keys(ALGORITHMS) as SignatureAlgorithm[];
  return names.find((name) => algorithmRow(name).x509?.oid === dotted);
}
