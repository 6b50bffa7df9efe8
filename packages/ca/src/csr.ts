/**
 * Certification requests (PKCS #10, RFC 2986). Only the public key is taken from one, after its holder proved possession;
 * names come from registration entries. Names that are there must be the granted ones: a mismatch is a misconfigured
 * client, and better told than silently replaced.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { contextTag, type DerElement, parseDer, readBitString, readChildren, readOctetString, readOid, readSequence, readSet, readSmallInteger } from '@postern/der';
import { thumbprintOfSpki, verifyX509Signature } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';

export const MAX_CSR_BYTES = 8 * 1024;

export type CsrReason = 'csr-too-large' | 'csr-malformed' | 'csr-key-unsupported' | 'csr-key-weak' | 'csr-signature';

export interface CheckedCsr {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** RFC 7638. */
  readonly keyThumbprint: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';

/** `der`: untrusted. */
export function parseCsr(der: Uint8Array): Result<CheckedCsr, CsrReason> {
  if (der.length > MAX_CSR_BYTES) return refuse('csr-too-large', `${der.length} bytes`);
  const read = readRequest(der);
  if (read === undefined) return refuse('csr-malformed');
  const key = checkKey(read.spki);
  if (!key.ok) return key;
  const { spki, algorithm, message, signature } = read;
  if (!verifyX509Signature({ spki, algorithm, message, signature })) return refuse('csr-signature');
  return accept({ spki, keyThumbprint: thumbprintOfSpki(spki), uris: read.uris, dnsNames: read.dnsNames });
}

interface Request {
  readonly spki: Uint8Array;
  readonly algorithm: { readonly oid: string; readonly parameters?: Uint8Array };
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

function readRequest(der: Uint8Array): Request | undefined {
  const outer = sequenceOf(parseDer(der, { maxBytes: MAX_CSR_BYTES }), 3);
  const info = outer && sequenceOf(accept(outer[0] as DerElement), 4);
  const algorithm = outer && sequenceOf(accept(outer[1] as DerElement));
  const signature = outer && readBitString(outer[2] as DerElement);
  if (!info || !algorithm?.[0] || algorithm.length > 2 || !signature?.ok || signature.value.unusedBits !== 0) return undefined;
  const [version, , spki, attributes] = info as [DerElement, DerElement, DerElement, DerElement];
  const versionNumber = readSmallInteger(version);
  const oid = readOid(algorithm[0]);
  if (!versionNumber.ok || versionNumber.value !== 0 || !oid.ok || attributes.tag !== contextTag(0, 'constructed')) return undefined;
  const names = readRequestedNames(attributes);
  if (names === undefined) return undefined;
  return {
    ...names,
    spki: spki.raw,
    algorithm: algorithm[1] ? { oid: oid.value, parameters: algorithm[1].raw } : { oid: oid.value },
    message: (outer[0] as DerElement).raw,
    signature: signature.value.bytes,
  };
}

function sequenceOf(element: Result<DerElement>, length?: number): DerElement[] | undefined {
  const parts = element.ok ? readSequence(element.value) : element;
  return parts.ok && (length === undefined || parts.value.length === length) ? parts.value : undefined;
}

/** URI and DNS names of the requested subjectAltName; undefined when the attributes cannot be read. */
function readRequestedNames(attributes: DerElement): { uris: string[]; dnsNames: string[] } | undefined {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  const list = readChildren(attributes);
  if (!list.ok) return undefined;
  for (const attribute of list.value) {
    const parts = sequenceOf(accept(attribute), 2);
    const type = parts?.[0] && readOid(parts[0]);
    const values = parts?.[1] && readSet(parts[1]);
    if (!type?.ok || !values?.ok) return undefined;
    if (type.value !== EXTENSION_REQUEST) continue;
    for (const extension of values.value.flatMap((value) => sequenceOf(accept(value)) ?? [])) {
      const fields = sequenceOf(accept(extension));
      const oid = fields?.[0] && readOid(fields[0]);
      if (!oid?.ok) return undefined;
      if (oid.value !== SUBJECT_ALT_NAME) continue;
      const content = readOctetString(fields?.[fields.length - 1] as DerElement);
      const names = content.ok ? sequenceOf(parseDer(content.value, { maxBytes: MAX_CSR_BYTES })) : undefined;
      if (names === undefined) return undefined;
      for (const name of names) {
        const text = Buffer.from(name.value).toString('latin1');
        if (name.tag === contextTag(6, 'primitive')) uris.push(text);
        if (name.tag === contextTag(2, 'primitive')) dnsNames.push(text);
      }
    }
  }
  return { uris, dnsNames };
}

const CURVES = new Set(['prime256v1', 'secp384r1']);
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 4096;

function checkKey(spki: Uint8Array): Result<void, CsrReason> {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return refuse('csr-key-unsupported'); // not a key, or a point that is not on its curve
  }
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      return CURVES.has(details.namedCurve ?? '') ? accept(undefined) : refuse('csr-key-unsupported', 'curve');
    case 'ed25519':
      return accept(undefined);
    case 'rsa': {
      const bits = details.modulusLength ?? 0;
      if (bits < MIN_RSA_BITS) return refuse('csr-key-weak', `${bits} bits`);
      if (bits > MAX_RSA_BITS) return refuse('csr-key-unsupported', `${bits} bits`);
      if (details.publicExponent !== 65537n) return refuse('csr-key-weak', 'exponent');
      return isRocaKey(key) ? refuse('csr-key-weak', 'roca') : accept(undefined);
    }
    default:
      return refuse('csr-key-unsupported');
  }
}

/** CVE-2017-15361: such moduli are powers of 65537 modulo each of these primes. */
const ROCA_PRIMES = [11n, 13n, 17n, 19n, 37n, 53n, 61n, 71n, 73n, 79n, 97n, 103n, 107n, 109n, 127n, 151n, 157n];

function isRocaKey(key: KeyObject): boolean {
  const modulus = BigInt(`0x${Buffer.from(String(key.export({ format: 'jwk' })['n']), 'base64url').toString('hex')}`);
  return ROCA_PRIMES.every((prime) => {
    const residue = modulus % prime;
    for (let power = 1n, step = 0n; step < prime; step++, power = (power * 65537n) % prime) if (power === residue) return true;
    return false;
  });
}
