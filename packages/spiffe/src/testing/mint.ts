/** Certificates for tests: in order by default, with one part of them replaced by whatever a case wants wrong. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  bitString,
  boolean,
  contextTag,
  element,
  namedBits,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  time,
  unsigned,
  utf8String,
} from '@postern/der';

export interface Minted {
  readonly der: Uint8Array;
  readonly subject: Uint8Array;
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
  readonly keyId: Uint8Array;
}

/** An extension, or none where the profile has one. */
export type ExtensionSet = { readonly [name: string]: Uint8Array | undefined };

export interface MintOptions {
  /** Self-signed when absent. */
  readonly issuer?: Minted;
  readonly subject?: Uint8Array;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Replaces or removes by name; further names are added. */
  readonly extensions?: ExtensionSet;
  /** Parts of the TBSCertificate, by name, before it is signed. */
  readonly tbs?: { readonly [part: string]: readonly Uint8Array[] };
  readonly outerAlgorithm?: Uint8Array;
  /** SPIFFE ID in the SAN. */
  readonly uri?: string;
  /** Key pair of another certificate, for one that is issued anew. */
  readonly sameKeyAs?: Minted;
}

export const NOW_MS = Date.UTC(2026, 10, 24, 12);
const HOUR_MS = 3_600_000;
export const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

export const nameOf = (text: string): Uint8Array => sequence(setOf(sequence(oid('2.5.4.3'), utf8String(text))));

export function extension(id: string, isCritical: boolean, ...value: readonly Uint8Array[]): Uint8Array {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octetString(Buffer.concat(value)));
}

export const generalName = (tag: number, text: string | Uint8Array): Uint8Array =>
  element(tag, typeof text === 'string' ? bytesOf(text) : text);
export const uriName = (uri: string): Uint8Array => generalName(contextTag(6, 'primitive'), uri);
export const dnsName = (name: string): Uint8Array => generalName(contextTag(2, 'primitive'), name);

export const basicConstraints = (isCa: boolean, pathLength?: number, isCritical = true): Uint8Array =>
  extension(
    '2.5.29.19',
    isCritical,
    sequence(...(isCa ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [unsigned(pathLength)])),
  );
export const keyUsage = (bits: readonly number[], isCritical = true): Uint8Array =>
  extension('2.5.29.15', isCritical, namedBits(bits));
export const extendedKeyUsage = (...purposes: readonly string[]): Uint8Array =>
  extension('2.5.29.37', false, sequence(...purposes.map(oid)));
export const subjectAltName = (names: readonly Uint8Array[], isCritical = false): Uint8Array =>
  extension('2.5.29.17', isCritical, sequence(...names));
export const subjectKeyId = (keyId: Uint8Array): Uint8Array => extension('2.5.29.14', false, octetString(keyId));
export const authorityKeyId = (keyId: Uint8Array): Uint8Array =>
  extension('2.5.29.35', false, sequence(element(contextTag(0, 'primitive'), keyId)));
export const noRevAvail = (): Uint8Array => extension('2.5.29.56', false, nullValue());

/** `trees`: names by kind of tree; each becomes a GeneralSubtree. */
export function nameConstraints(
  trees: { readonly permitted?: readonly Uint8Array[]; readonly excluded?: readonly Uint8Array[] },
  isCritical = true,
): Uint8Array {
  const tree = (number: number, names: readonly Uint8Array[] | undefined) =>
    names === undefined
      ? []
      : [element(contextTag(number, 'constructed'), Buffer.concat(names.map((name) => sequence(name))))];
  return extension('2.5.29.30', isCritical, sequence(...tree(0, trees.permitted), ...tree(1, trees.excluded)));
}

function keyPair(): Pick<Minted, 'privateKey' | 'spki' | 'keyId'> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  return { privateKey, spki, keyId: new Uint8Array(createHash('sha1').update(spki).digest()) };
}

let minted = 0;

function mint(options: MintOptions, subject: Uint8Array, profile: (keyId: Uint8Array) => ExtensionSet): Minted {
  const keys = options.sameKeyAs ?? keyPair();
  const issuer = options.issuer ?? { ...keys, subject };
  minted += 1;
  const extensions = {
    ...profile(keys.keyId),
    subjectKeyId: subjectKeyId(keys.keyId),
    authorityKeyId: authorityKeyId(issuer.keyId),
    ...options.extensions,
  };
  const present = Object.values(extensions).filter((value) => value !== undefined);
  const parts: { readonly [part: string]: readonly Uint8Array[] } = {
    version: [element(contextTag(0, 'constructed'), unsigned(2))],
    serialNumber: [unsigned(0x40_0000_0000 + minted)],
    signature: [ECDSA_WITH_SHA256],
    issuer: [issuer.subject],
    validity: [
      sequence(time(options.notBeforeMs ?? NOW_MS - HOUR_MS), time(options.notAfterMs ?? NOW_MS + 4 * HOUR_MS)),
    ],
    subject: [subject],
    subjectPublicKeyInfo: [keys.spki],
    extensions: [element(contextTag(3, 'constructed'), sequence(...present))],
    ...options.tbs,
  };
  const tbs = sequence(...Object.values(parts).flat());
  const signature = bitString(sign('sha256', tbs, issuer.privateKey));
  return { ...keys, subject, der: sequence(tbs, options.outerAlgorithm ?? ECDSA_WITH_SHA256, signature) };
}

/** A signing certificate; a root unless it has an issuer. */
export function mintAuthority(options: MintOptions = {}): Minted {
  const names = options.uri === undefined ? {} : { subjectAltName: subjectAltName([uriName(options.uri)]) };
  return mint(options, options.subject ?? nameOf(`authority ${minted}`), () => ({
    basicConstraints: basicConstraints(true),
    keyUsage: keyUsage([5, 6]),
    ...names,
  }));
}

/** A leaf that is an X.509-SVID in order. */
export function mintLeaf(options: MintOptions & { readonly issuer: Minted }): Minted {
  return mint(options, options.subject ?? nameOf('leaf'), () => ({
    basicConstraints: basicConstraints(false),
    keyUsage: keyUsage([0]),
    extendedKeyUsage: extendedKeyUsage('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'),
    subjectAltName: subjectAltName([uriName(options.uri ?? 'spiffe://demo.test/payments')]),
  }));
}
