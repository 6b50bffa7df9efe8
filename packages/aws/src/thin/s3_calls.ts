import { createHash } from 'node:crypto';
import { MAX_OBJECT_BYTES, type ObjectPlace, type S3Calls } from '../aws_clients.ts';
import type { ClientSettings } from '../settings.ts';
import type { Answer, ExchangeRequest } from './exchange.ts';
import { parseErrorCode, parseObjectList } from './s3_xml.ts';
import { openService } from './service.ts';
import { serviceFault } from './service_fault.ts';

/** 1,000 names of 1,024 bytes, each of which may be escaped, and what is said of each. */
const MAX_LIST_BYTES = 8 * 1024 * 1024;
const MAX_ACKNOWLEDGEMENT_BYTES = 64 * 1024;
const MAX_REFUSAL_BYTES = 64 * 1024;

/** It becomes part of a host name. An access point's ARN is none. */
const BUCKET = /^[a-z0-9.-]{1,63}$/;

export function createThinS3Calls(settings: ClientSettings): S3Calls {
  const { endpoint, isOverridden, exchange } = openService('s3', settings);

  /** A bucket in the host's name, as AWS wants it, but for one with a dot, which no certificate covers. */
  function urlOf(bucket: string, path: string): URL {
    if (!BUCKET.test(bucket)) throw new TypeError(`\`${bucket.slice(0, 64)}\` is not the name of a bucket`);
    const isInPath = isOverridden || bucket.includes('.');
    return new URL(isInPath ? `${endpoint}/${bucket}${path}` : `${endpoint.replace('://', `://${bucket}.`)}${path}`);
  }
  const objectUrl = ({ bucket, key }: ObjectPlace) =>
    urlOf(bucket, `/${key.split('/').map(encodeURIComponent).join('/')}`);

  async function send(url: URL, request: ExchangeRequest, maxAnswerBytes: number): Promise<Answer> {
    const answer = await exchange(url, request, maxAnswerBytes);
    if (answer.status === 200) return answer;
    throw serviceFault(
      parseErrorCode(textOf(answer.bytes.subarray(0, MAX_REFUSAL_BYTES))),
      'S3 refuses',
      answer.status,
    );
  }

  return {
    async getObject(object, signal) {
      return (await send(objectUrl(object), { method: 'GET', signal }, MAX_OBJECT_BYTES)).bytes;
    },
    async putObjectIfAbsent(object, bytes, signal) {
      const headers = {
        'content-type': 'application/octet-stream',
        'if-none-match': '*',
        // S3 takes no object without a checksum into a bucket with object lock.
        'x-amz-sdk-checksum-algorithm': 'SHA256',
        'x-amz-checksum-sha256': createHash('sha256').update(bytes).digest('base64'),
      };
      await send(objectUrl(object), { method: 'PUT', headers, body: bytes, signal }, MAX_ACKNOWLEDGEMENT_BYTES);
    },
    async listObjects({ bucket, prefix, after, limit }, signal) {
      const url = urlOf(bucket, '/');
      const query = { 'list-type': '2', 'encoding-type': 'url', 'max-keys': String(limit), prefix };
      url.search = new URLSearchParams({ ...query, ...(after !== undefined && { 'start-after': after }) })
        .toString()
        .replaceAll('+', '%20');
      return parseObjectList(textOf((await send(url, { method: 'GET', signal }, MAX_LIST_BYTES)).bytes));
    },
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
