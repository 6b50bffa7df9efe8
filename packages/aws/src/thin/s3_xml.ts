/**
 * The two things that Postern reads of S3's XML. Names are asked for URL-encoded (`encoding-type=url`), so that there is
 * neither markup nor an entity in them, and no XML parser is needed: whatever else comes is refused as a lost answer.
 */
import { AnswerLost } from './service_fault.ts';

const KEY = /<Key>([^<>&]+)<\/Key>/g;
const IS_TRUNCATED = /<IsTruncated>(true|false)<\/IsTruncated>/g;
const ENCODING = '<EncodingType>url</EncodingType>';
const CODE = /<Error>.*?<Code>([A-Za-z0-9.]{1,128})<\/Code>.*?<\/Error>/s;

/** `ListBucketResult` of ListObjectsV2. Throws `AnswerLost`. */
export function parseObjectList(xml: string): { readonly keys: readonly string[]; readonly isTruncated: boolean } {
  const [isTruncated, ...others] = [...xml.matchAll(IS_TRUNCATED)];
  const isList = xml.includes('<ListBucketResult') && xml.trimEnd().endsWith('</ListBucketResult>');
  if (!isList || isTruncated === undefined || others.length > 0 || !xml.includes(ENCODING))
    throw new AnswerLost('the answer is no list of objects');
  const keys = xml.split('<Contents>').slice(1).map(keyOf);
  return { keys, isTruncated: isTruncated[1] === 'true' };
}

function keyOf(contents: string): string {
  const [key, ...others] = [...contents.matchAll(KEY)];
  if (key === undefined || others.length > 0 || !contents.includes('</Contents>'))
    throw new AnswerLost('an object without one name');
  try {
    return decodeURIComponent((key[1] as string).replaceAll('+', ' '));
  } catch (cause) {
    throw new AnswerLost('the name of an object is not URL-encoded', { cause });
  }
}

/** `undefined` for what is no error of S3, as the answer of a proxy. */
export function parseErrorCode(xml: string): string | undefined {
  return CODE.exec(xml)?.[1];
}
