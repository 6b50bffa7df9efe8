/**
 * A verifier of AWS Signature Version 4, written from its specification ("Create a signed AWS API request") and not from
 * any signer: what a signer of ours or Envoy's makes is believed only if this finds the same.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { accept, type Result, refuse } from '@postern/result';

export interface ReceivedCall {
  readonly method: string;
  /** As in the request line. */
  readonly target: string;
  /** Names lower case; a name that came twice has one entry, its values joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Expected {
  readonly credentials: SigningCredentials;
  readonly region: string;
  readonly service: string;
  readonly nowMs: number;
}

export type SignatureReason =
  | 'unsigned'
  | 'authorization-malformed'
  | 'credential-unknown'
  | 'scope-wrong'
  | 'date-wrong'
  | 'header-not-signed'
  | 'signed-header-missing'
  | 'payload-changed'
  | 'signature-wrong';

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
const MAX_SKEW_MS = 5 * 60_000;
/** What has to be signed: the host, and whatever AWS itself adds meaning to. */
const mustBeSigned = (name: string) => name === 'host' || name.startsWith('x-amz-');

/** Answers the names of the headers that the signature covers. */
export function verifySignature(call: ReceivedCall, expected: Expected): Result<readonly string[], SignatureReason> {
  const { credentials, region, service } = expected;
  const authorization = call.headers.get('authorization');
  if (authorization === undefined) return refuse('unsigned');
  const [, keyId, day = '', scopeRegion, scopeService, names = '', signature = ''] =
    AUTHORIZATION.exec(authorization) ?? [];
  if (keyId === undefined) return refuse('authorization-malformed');
  if (keyId !== credentials.accessKeyId || call.headers.get('x-amz-security-token') !== credentials.sessionToken)
    return refuse('credential-unknown');
  if (scopeRegion !== region || scopeService !== service)
    return refuse('scope-wrong', `${scopeRegion}/${scopeService}`);
  const date = call.headers.get('x-amz-date') ?? '';
  if (!date.startsWith(day) || Math.abs(parseDate(date) - expected.nowMs) > MAX_SKEW_MS) return refuse('date-wrong');

  const signed = names.split(';');
  const unsigned = [...call.headers.keys()].find((name) => mustBeSigned(name) && !signed.includes(name));
  if (unsigned !== undefined) return refuse('header-not-signed', unsigned);
  const missing = signed.find((name) => !call.headers.has(name));
  if (missing !== undefined) return refuse('signed-header-missing', missing);
  const payload = sha256(call.body);
  if ((call.headers.get('x-amz-content-sha256') ?? payload) !== payload) return refuse('payload-changed');

  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonicalRequest(call, signed, payload))].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<Buffer | string>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const wanted = createHmac('sha256', key).update(text).digest();
  return timingSafeEqual(wanted, Buffer.from(signature, 'hex')) ? accept(signed) : refuse('signature-wrong');
}

function canonicalRequest(
  { method, target, headers }: ReceivedCall,
  signed: readonly string[],
  payload: string,
): string {
  const [path = '', query = ''] = target.split(/\?(.*)/s);
  return [
    method,
    // Of every service but S3 the path as sent is encoded once more.
    path.split('/').map(encode).join('/'),
    query
      .split('&')
      .filter((part) => part !== '')
      .map((part) => part.split(/=(.*)/s))
      .map(([name = '', value = '']) => `${encode(decode(name))}=${encode(decode(value))}`)
      .sort()
      .join('&'),
    ...signed.map((name) => `${name}:${(headers.get(name) ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    signed.join(';'),
    payload,
  ].join('\n');
}

/** RFC 3986 2.3: nothing but unreserved characters stays. */
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
const decode = (text: string) => decodeURIComponent(text);

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');

/** `20150830T123600Z`. */
function parseDate(text: string): number {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const [year, month, day, hours, minutes, seconds] = parts.map(Number);
  return year === undefined ? Number.NaN : Date.UTC(year, (month ?? 0) - 1, day, hours, minutes, seconds);
}
