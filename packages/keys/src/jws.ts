/**
 * Compact JWS (RFC 7515 7.1), signed by a `Signer` and verified with an explicit list of algorithms and one expected
 * `typ` (RFC 8725 3.1, 3.11). The JSON serializations do not exist here.
 */
import { KeyObject } from 'node:crypto';
import { decodeBase64Url, encodeBase64Url } from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';
import { algorithmRow, isSignatureAlgorithm, type SignatureAlgorithm } from './algorithms.ts';
import { rawFromDer } from './ecdsa_signature.ts';
import { publicKeyFromJwk, publicKeyFromSpki } from './public_key.ts';
import type { Signer } from './signer.ts';
import { verifySignature } from './verify.ts';

export interface JwsHeader {
  readonly alg: string;
  readonly typ?: string;
  readonly kid?: string;
  readonly [member: string]: unknown;
}

export interface ParsedJws {
  readonly header: JwsHeader;
  readonly payload: Uint8Array;
  readonly signingInput: Uint8Array;
  readonly signature: Uint8Array;
}

export type JwsReason =
  | 'jws-too-large'
  | 'jws-malformed'
  | 'jws-critical'
  | 'jws-type'
  | 'jws-algorithm'
  | 'jws-key-unknown'
  | 'jws-signature';

const encoder = new TextEncoder();

/**
 * Header: `alg`, `kid`, `typ` and whatever `header` adds; it may name another `kid`, never another `alg` or `typ`. An
 * object is spelled by `JSON.stringify`. Cost: one signature (KMS Sign when deployed). Throws `SignerUnavailable` as the
 * signer does.
 */
export async function signJws(
  signer: Signer,
  input: {
    readonly typ: string;
    readonly header?: { readonly [member: string]: unknown };
    readonly payload: Uint8Array | object;
  },
): Promise<string> {
  const { algorithm: alg, keyId: kid } = signer;
  const header = Object.assign({ alg, kid, typ: input.typ }, input.header, { alg, typ: input.typ });
  const payload = input.payload instanceof Uint8Array ? input.payload : encoder.encode(JSON.stringify(input.payload));
  const signingInput = `${encodeBase64Url(encoder.encode(JSON.stringify(header)))}.${encodeBytes(payload)}`;
  const signature = joseSignature(signer.algorithm, await signer.sign(encoder.encode(signingInput)));
  return `${signingInput}.${encodeBase64Url(signature)}`;
}

/** A signer's signature as JOSE spells it (RFC 7518 3.4). */
export function joseSignature(algorithm: SignatureAlgorithm, signature: Uint8Array): Uint8Array {
  const row = algorithmRow(algorithm);
  if (row.keyType !== 'EC' || row.curve === undefined) return signature;
  const raw = rawFromDer(signature, row.curve.coordinateBytes);
  if (!raw.ok) throw new Error('the signer answered a malformed ECDSA signature');
  return raw.value;
}

/** Nothing in the result is verified. */
export function parseJws(compact: string, options: { readonly maxBytes: number }): Result<ParsedJws, JwsReason> {
  if (compact.length > options.maxBytes) return refuse('jws-too-large', `${compact.length} characters`);
  const parts = compact.split('.');
  if (parts.length !== 3) return refuse('jws-malformed', 'not three parts');
  const [headerText, payloadText, signatureText] = parts as [string, string, string];
  const headerBytes = decodeBase64Url(headerText);
  const payload = decodeBytes(payloadText);
  const signature = decodeBase64Url(signatureText);
  if (!headerBytes.ok || payload === undefined || !signature.ok) return refuse('jws-malformed', 'base64url');
  const header = parseHeader(headerBytes.value);
  if (header === undefined) return refuse('jws-malformed', 'header');
  // RFC 7515 4.1.11: what is critical and not understood refuses the token, and nothing is understood here.
  if ('crit' in header) return refuse('jws-critical');
  const signingInput = encoder.encode(compact.slice(0, headerText.length + 1 + payloadText.length));
  return accept({ header, payload, signingInput, signature: signature.value });
}

/** A JWK, SubjectPublicKeyInfo in DER, or a key object. */
export type JwsKey = { readonly [name: string]: unknown } | Uint8Array | KeyObject;

export interface VerifyJwsOptions {
  /** Expected `typ`, compared exactly. */
  readonly typ: string;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** The one key that this header names; from the caller's own trust, never from the header. */
  readonly key: (header: JwsHeader) => JwsKey | undefined;
  /** Of the whole token. */
  readonly maxBytes: number;
}

/**
 * A token's header and payload after all of: size, form, no `crit`, `typ`, algorithm on the list, one known key that is
 * of the algorithm's type, signature. `compact`: untrusted. Each failure is one `JwsReason`, in that order.
 */
export function verifyJws(
  compact: string,
  options: VerifyJwsOptions,
): Result<{ readonly header: JwsHeader; readonly payload: Uint8Array }, JwsReason> {
  const parsed = parseJws(compact, options);
  if (!parsed.ok) return parsed;
  const { header, payload } = parsed.value;
  if (header.typ !== options.typ) return refuse('jws-type');
  const verified = verifyParsedJws(parsed.value, options);
  return verified.ok ? accept({ header, payload }) : verified;
}

/** Algorithm, key and signature of what `parseJws` answered; its `typ` is the caller's to check. */
export function verifyParsedJws(
  jws: ParsedJws,
  options: Pick<VerifyJwsOptions, 'algorithms' | 'key'>,
): Result<void, JwsReason> {
  const { alg } = jws.header;
  if (!isSignatureAlgorithm(alg) || !options.algorithms.includes(alg)) return refuse('jws-algorithm');
  const named = options.key(jws.header);
  if (named === undefined || !isForVerifying(named)) return refuse('jws-key-unknown');
  if (namesOtherAlgorithm(named, alg)) return refuse('jws-algorithm', 'of the key');
  const key = keyObjectOf(named);
  if (key === undefined) return refuse('jws-key-unknown');
  const isGenuine = verifySignature(alg, key, jws.signingInput, jws.signature, 'jose');
  return isGenuine ? accept(undefined) : refuse('jws-signature');
}

function keyObjectOf(key: JwsKey | undefined): KeyObject | undefined {
  if (key === undefined || key instanceof KeyObject) return key;
  if (key instanceof Uint8Array) return publicKeyFromSpki(key);
  try {
    return publicKeyFromJwk(key);
  } catch {
    return undefined;
  }
}

/** What a JWK says of itself holds (RFC 7517 4.2 to 4.4): a key for encryption verifies nothing. */
function isForVerifying(key: JwsKey): boolean {
  if (key instanceof KeyObject || key instanceof Uint8Array) return true;
  const { use, key_ops: operations } = key as { readonly [name: string]: unknown };
  return use !== 'enc' && (operations === undefined || (Array.isArray(operations) && operations.includes('verify')));
}

function namesOtherAlgorithm(key: JwsKey, algorithm: string): boolean {
  if (key instanceof KeyObject || key instanceof Uint8Array) return false;
  const named = (key as { readonly [name: string]: unknown })['alg'];
  return named !== undefined && named !== algorithm;
}

function parseHeader(bytes: Uint8Array): JwsHeader | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const header = JSON.parse(text) as JwsHeader;
    if (typeof header !== 'object' || header === null || Array.isArray(header) || typeof header.alg !== 'string')
      return undefined;
    if (header.kid !== undefined && typeof header.kid !== 'string') return undefined;
    // RFC 7515 4: member names are unique. JSON.parse keeps the last, another reader may keep the first.
    return countMembers(text) === Object.keys(header).length ? header : undefined;
  } catch {
    return undefined;
  }
}

/** Members of the outermost object of valid JSON. */
function countMembers(json: string): number {
  let depth = 0;
  let members = 0;
  for (const token of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token[0] === '{' || token[0] === '[') depth += 1;
    else if (token[0] === '}' || token[0] === ']') depth -= 1;
    else if (token[0] === ':' && depth === 1) members += 1;
  }
  return members;
}

/** Payloads can be megabytes (releases): Buffer's codec is an order of magnitude faster than ours, the check is the same. */
function encodeBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

function decodeBytes(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
