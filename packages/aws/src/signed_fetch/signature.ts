/**
 * AWS Signature Version 4 over `node:crypto`. Of our own for the sake of a start: the libraries need `Headers`, whose first
 * use makes Node load its whole `fetch`, 28 ms of a core that a decision would wait for.
 */
import { createHash, createHmac } from 'node:crypto';
import type { AwsCredentials } from './credentials.ts';

export interface RequestToSign {
  readonly method: string;
  /** As it is sent: what is escaped in it is signed so. */
  readonly url: URL;
  /** Names lower case, each once; all are signed. */
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array;
}

export interface SigningScope {
  readonly region: string;
  /** As AWS signs for it: `dynamodb`, `s3`, `lambda` for a function URL. */
  readonly service: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** `headers` and those that the signature adds; `host` is signed and left to whoever sends. */
export function signRequest(
  { method, url, headers, body }: RequestToSign,
  { region, service }: SigningScope,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  nowMs: number,
): { readonly [name: string]: string } {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const bodyDigest = sha256(body);
  const signed: Record<string, string> = {
    ...headers,
    'x-amz-date': time,
    'x-amz-content-sha256': bodyDigest,
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
  };
  const canonical = Object.entries({ ...signed, host: url.host })
    .map(([name, value]): [string, string] => [name, value.trim().replace(/ +/g, ' ')])
    .sort(([a], [b]) => compare(a, b));
  const names = canonical.map(([name]) => name).join(';');
  const lines = canonical.map(([name, value]) => `${name}:${value}\n`).join('');
  const path = service === 's3' ? url.pathname : escapedAgain(url.pathname);
  const request = [method, path, canonicalQuery(url), lines, names, bodyDigest].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = [ALGORITHM, time, scope, sha256(request)].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  const authorization = `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...signed, authorization };
}

/** Every service but S3 signs the path as if what is escaped in it were plain. */
function escapedAgain(path: string): string {
  return path.split('/').map(escaped).join('/');
}

function canonicalQuery(url: URL): string {
  return [...url.searchParams]
    .map(([name, value]) => [escaped(name), escaped(value)] as const)
    .sort(([name, value], [other, otherValue]) => compare(name, other) || compare(value, otherValue))
    .map((pair) => pair.join('='))
    .join('&');
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** RFC 3986 2.3: all but the unreserved. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
