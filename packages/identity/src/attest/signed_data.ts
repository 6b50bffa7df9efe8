/**
 * CMS SignedData (RFC 5652 5) with its content inside and one signer, verified with a key that we have: the certificates
 * that such a message brings along, and whom it says it was signed by, are not looked at.
 */
import { createHash, type KeyObject, verify } from 'node:crypto';
import { accept, type Result, refuse } from '@postern/result';
import { type BerElement, octetsOf, parseBer } from './ber.ts';

export type SignedDataReason = 'document-malformed' | 'document-signature';

export interface SignedContent {
  readonly content: Uint8Array;
  /** With the signer's key: RSA PKCS #1 v1.5, SHA-256. */
  verify(key: KeyObject): Result<void, SignedDataReason>;
}

const SIGNED_DATA = '2a864886f70d010702';
const DATA = '2a864886f70d010701';
const SHA256 = '608648016503040201';
/** rsaEncryption, and sha256WithRSAEncryption: signers say either (RFC 5754 3.2). */
const RSA = new Set(['2a864886f70d010101', '2a864886f70d01010b']);
const CONTENT_TYPE = '2a864886f70d010903';
const MESSAGE_DIGEST = '2a864886f70d010904';
const [SEQUENCE, SET, OID, INTEGER, EXPLICIT_0] = [0x30, 0x31, 0x06, 0x02, 0xa0];

/** `bytes`: untrusted, of bounded size; BER. Its content, and nothing verified yet. */
export function parseSignedData(bytes: Uint8Array): Result<SignedContent, SignedDataReason> {
  const parsed = parseBer(bytes);
  if (!parsed.ok) return refuse('document-malformed', parsed.detail);
  const [type, wrapped] = parsed.value.children;
  const signedData = wrapped?.tag === EXPLICIT_0 ? wrapped.children[0] : undefined;
  if (parsed.value.tag !== SEQUENCE || !isOid(type, SIGNED_DATA) || signedData?.tag !== SEQUENCE)
    return refuse('document-malformed', 'not SignedData');
  const [version, , encapsulated, ...rest] = signedData.children;
  const signers = rest.at(-1);
  const content = octetsOf(encapsulated?.children[1]?.children[0]);
  if (version?.tag !== INTEGER || !isOid(encapsulated?.children[0], DATA) || content === undefined)
    return refuse('document-malformed', 'no content');
  // One signer: with two, one reader checks the first and another the second.
  const [signer, ...others] = signers?.tag === SET ? signers.children : [];
  if (signer?.tag !== SEQUENCE || others.length > 0) return refuse('document-malformed', 'signers');
  return accept({ content, verify: (key) => verifySigner(signer, content, key) });
}

/** SignerInfo: version, signer, digest algorithm, [0] signed attributes, signature algorithm, signature, [1] others. */
function verifySigner(signer: BerElement, content: Uint8Array, key: KeyObject): Result<void, SignedDataReason> {
  const [, , digestAlgorithm, fourth, ...after] = signer.children;
  const attributes = fourth?.tag === EXPLICIT_0 ? fourth : undefined;
  const [algorithm, signature] = attributes === undefined ? [fourth, after[0]] : after;
  const signed = octetsOf(signature);
  if (!isOid(digestAlgorithm?.children[0], SHA256) || signed === undefined)
    return refuse('document-malformed', 'digest');
  const oid = hexOf(algorithm?.children[0]);
  if (oid === undefined || !RSA.has(oid)) return refuse('document-malformed', 'signature algorithm');
  const message = attributes === undefined ? content : signedAttributes(attributes, content);
  if (message === undefined) return refuse('document-signature', 'attributes');
  return verify('sha256', message, key, signed) ? accept(undefined) : refuse('document-signature');
}

/** What is signed in their place, with the tag of a SET (5.4); they must be of this content. */
function signedAttributes(attributes: BerElement, content: Uint8Array): Uint8Array | undefined {
  const { raw } = attributes;
  const type = attributeOf(attributes, CONTENT_TYPE);
  const digest = octetsOf(attributeOf(attributes, MESSAGE_DIGEST));
  const isOfContent = digest !== undefined && createHash('sha256').update(content).digest().equals(digest);
  if (raw === undefined || !isOid(type, DATA) || !isOfContent) return undefined;
  return Buffer.concat([Uint8Array.of(SET), raw.subarray(1)]);
}

/** The one value of the one attribute of a type (11: neither may be there twice). */
function attributeOf(attributes: BerElement, type: string): BerElement | undefined {
  const found = attributes.children.filter((attribute) => isOid(attribute.children[0], type));
  const values = found[0]?.children[1]?.children ?? [];
  return found.length === 1 && values.length === 1 ? values[0] : undefined;
}

function isOid(element: BerElement | undefined, hex: string): boolean {
  return hexOf(element) === hex;
}

function hexOf(element: BerElement | undefined): string | undefined {
  return element?.tag === OID ? Buffer.from(element.value).toString('hex') : undefined;
}
