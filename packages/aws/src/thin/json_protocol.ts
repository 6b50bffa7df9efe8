/** AWS's JSON protocol 1.0 and 1.1 (Smithy, `awsJson`): one POST a call, blobs as base64, the refusal's name in `__type`. */
import type { Answer } from './exchange.ts';
import type { Service } from './service.ts';
import { AnswerLost, serviceFault } from './service_fault.ts';

export type JsonObject = { readonly [member: string]: unknown };
export type JsonCall = (operation: string, input: object, signal: AbortSignal) => Promise<JsonObject>;

/** `target`: the service's name in `x-amz-target`. `detailsOf`: what else a refusal's body says that an adapter needs. */
export function createJsonCall(ports: {
  readonly service: Service;
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly maxAnswerBytes: number;
  readonly detailsOf?: (refusal: JsonObject) => object;
}): JsonCall {
  const { service, target, version, maxAnswerBytes, detailsOf } = ports;
  const url = new URL(`${service.endpoint}/`);
  return async (operation, input, signal) => {
    const headers = { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': `${target}.${operation}` };
    const body = JSON.stringify(withoutBlobs(input));
    const answer = await service.exchange(url, { method: 'POST', headers, body, signal }, maxAnswerBytes);
    const content = parseObject(answer);
    if (answer.status === 200 && content !== undefined) return content;
    // Whoever answered with something else may stand before a service that did as it was told.
    if (answer.status === 200) throw new AnswerLost('the answer is no JSON object');
    throw refusalOf(answer, content ?? {}, detailsOf);
  };
}

/** Bytes as they travel, in a copy. */
function withoutBlobs(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64');
  if (Array.isArray(value)) return value.map(withoutBlobs);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutBlobs(member)]));
}

function parseObject({ bytes }: Answer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** The name comes in the body or a header, between a namespace before `#` and a URL behind `:`. */
function refusalOf({ status, headers }: Answer, content: JsonObject, detailsOf?: (refusal: JsonObject) => object) {
  const type = content['__type'] ?? headers['x-amzn-errortype'];
  const code = typeof type === 'string' ? type.split(':')[0]?.split('#').at(-1) : undefined;
  return serviceFault(code, content['message'] ?? content['Message'], status, detailsOf?.(content));
}

/** `undefined`: not there. Throws `AnswerLost` for what is no base64. */
export function blobOf(value: unknown): Uint8Array | undefined {
  if (value === undefined || value === null) return undefined;
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  if (bytes === undefined || bytes.toString('base64') !== value) throw new AnswerLost('the answer holds no base64');
  return bytes;
}
