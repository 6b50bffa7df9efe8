/** Certificate extensions, written (RFC 5280 4.2). */
import { boolean, contextTag, element, namedBits, nullValue, octetString, oid, sequence, unsigned } from '@postern/der';

const encoder = new TextEncoder();

/** Encoded once: a leaf has seven of them. */
const OID = {
  subjectKeyId: oid('2.5.29.14'),
  keyUsage: oid('2.5.29.15'),
  subjectAltName: oid('2.5.29.17'),
  basicConstraints: oid('2.5.29.19'),
  nameConstraints: oid('2.5.29.30'),
  crlDistributionPoints: oid('2.5.29.31'),
  authorityKeyId: oid('2.5.29.35'),
  extendedKeyUsage: oid('2.5.29.37'),
  noRevAvail: oid('2.5.29.56'),
} as const;

function extension(name: keyof typeof OID, isCritical: boolean, value: Uint8Array): Uint8Array {
  return isCritical ? sequence(OID[name], boolean(true), octetString(value)) : sequence(OID[name], octetString(value));
}

/** Critical. cA FALSE is the DEFAULT and so is not spelled out. */
export function basicConstraints(options: { readonly isCa: boolean; readonly pathLength?: number }): Uint8Array {
  const parts = options.isCa ? [boolean(true)] : [];
  if (options.pathLength !== undefined) parts.push(unsigned(options.pathLength));
  return extension('basicConstraints', true, sequence(...parts));
}

const BITS = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;

/** Critical (X509-SVID 4.3). */
export function keyUsage(...usages: readonly (keyof typeof BITS)[]): Uint8Array {
  return extension('keyUsage', true, namedBits(usages.map((usage) => BITS[usage])));
}

export function extendedKeyUsage(...purposes: readonly string[]): Uint8Array {
  return extension('extendedKeyUsage', false, sequence(...purposes.map(oid)));
}

/** Not critical: the Subject is never empty (RFC 5280 4.2.1.6). */
export function subjectAltName(names: {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}): Uint8Array {
  return extension(
    'subjectAltName',
    false,
    sequence(
      ...names.uris.map((uri) => element(contextTag(6, 'primitive'), encoder.encode(uri))),
      ...names.dnsNames.map((name) => element(contextTag(2, 'primitive'), encoder.encode(name))),
    ),
  );
}

export function subjectKeyId(keyId: Uint8Array): Uint8Array {
  return extension('subjectKeyId', false, octetString(keyId));
}

export function authorityKeyId(keyId: Uint8Array): Uint8Array {
  return extension('authorityKeyId', false, sequence(element(contextTag(0, 'primitive'), keyId)));
}

/** RFC 9608 2: NULL, never critical, never in CA certificates. */
export function noRevAvail(): Uint8Array {
  return extension('noRevAvail', false, nullValue());
}

/** Critical: a verifier that does not apply it refuses the path (RFC 5280 4.2.1.10). `host`: exactly this one. */
export function uriNameConstraint(host: string): Uint8Array {
  const subtree = sequence(element(contextTag(6, 'primitive'), encoder.encode(host)));
  return extension('nameConstraints', true, sequence(element(contextTag(0, 'constructed'), subtree)));
}

/** RFC 5280 4.2.1.13, by one URI; not critical. */
export function crlDistributionPoint(uri: string): Uint8Array {
  const fullName = element(contextTag(0, 'constructed'), element(contextTag(6, 'primitive'), encoder.encode(uri)));
  return extension('crlDistributionPoints', false, sequence(sequence(element(contextTag(0, 'constructed'), fullName))));
}
