/** Makes a certification request for a key of our own (agents, `postern svid`). */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { bitString, contextTag, element, oid, sequence, setOf, unsigned } from '@postern/der';
import { algorithmOfKey, algorithmRow } from '@postern/keys';
import { createName } from './certificate_der.ts';
import { subjectAltName } from './extension_der.ts';

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

/** CertificationRequestInfo, DER (RFC 2986 4.1). `extensions`: DER each, asked for by RFC 2985 5.4.2. */
export function requestInfo(subject: Uint8Array, spki: Uint8Array, extensions: readonly Uint8Array[]): Uint8Array {
  const requested = extensions.length === 0 ? [] : [sequence(oid(EXTENSION_REQUEST), setOf(sequence(...extensions)))];
  return sequence(unsigned(0), subject, spki, element(contextTag(0, 'constructed'), ...requested));
}

/** DER. `spiffeId`: named in the request when it is known; the authority takes names from entries all the same. */
export function createCsr(privateKey: KeyObject, names: { readonly spiffeId?: string }): Uint8Array {
  const publicKey = createPublicKey(privateKey);
  const algorithm = algorithmOfKey(publicKey);
  const row = algorithm && algorithmRow(algorithm);
  if (row?.x509 === undefined) throw new TypeError('no certificates are requested for such a key');
  const info = requestInfo(
    createName(),
    new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
    names.spiffeId === undefined ? [] : [subjectAltName({ uris: [names.spiffeId], dnsNames: [] })],
  );
  return sequence(
    info,
    row.x509.identifier,
    bitString(sign(row.digest, info, { key: privateKey, dsaEncoding: 'der' })),
  );
}
