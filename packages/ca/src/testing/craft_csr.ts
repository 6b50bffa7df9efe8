/** Certification requests that no honest client makes, correctly signed all the same. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { bitString, boolean, contextTag, element, octetString, oid, sequence, setOf, unsigned } from '@postern/der';
import { algorithmOfKey, algorithmRow } from '@postern/keys';

export interface CraftedCsr {
  readonly version?: number;
  /** Name, DER; empty when absent. */
  readonly subject?: Uint8Array;
  /** DER each; inside the implicit SET of attributes. */
  readonly attributes?: readonly Uint8Array[];
  /** Replaces the key's own SubjectPublicKeyInfo. */
  readonly spki?: Uint8Array;
  /** AlgorithmIdentifier, DER. */
  readonly signatureAlgorithm?: Uint8Array;
  /** Fields after the attributes. */
  readonly extraInfo?: readonly Uint8Array[];
}

export function craftCsr(key: KeyObject, crafted: CraftedCsr = {}): Uint8Array {
  const publicKey = createPublicKey(key);
  const row = algorithmRow(algorithmOfKey(publicKey) ?? 'ES256');
  const info = sequence(
    unsigned(crafted.version ?? 0),
    crafted.subject ?? sequence(),
    crafted.spki ?? new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
    element(contextTag(0, 'constructed'), ...(crafted.attributes ?? [])),
    ...(crafted.extraInfo ?? []),
  );
  const signature = sign(row.digest, info, { key, dsaEncoding: 'der' });
  return sequence(
    info,
    crafted.signatureAlgorithm ?? (row.x509 as { identifier: Uint8Array }).identifier,
    bitString(signature),
  );
}

/** The extensionRequest attribute (RFC 2985 5.4.2). */
export function extensionRequest(...extensions: readonly Uint8Array[]): Uint8Array {
  return attribute('1.2.840.113549.1.9.14', sequence(...extensions));
}

export function attribute(type: string, ...values: readonly Uint8Array[]): Uint8Array {
  return sequence(oid(type), setOf(...values));
}

export function extension(type: string, value: Uint8Array, critical?: boolean): Uint8Array {
  const flag = critical === undefined ? [] : [boolean(critical)];
  return sequence(oid(type), ...flag, octetString(value));
}

/** subjectAltName of these GeneralNames, each `[context tag number, octets]`. */
export function names(...list: readonly (readonly [number, string])[]): Uint8Array {
  const encoder = new TextEncoder();
  const parts = list.map(([tag, text]) => element(contextTag(tag, 'primitive'), encoder.encode(text)));
  return extension('2.5.29.17', sequence(...parts));
}
