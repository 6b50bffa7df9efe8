/** Of a revocation list, what whoever hands it on has to know: its number, and until when it is good (RFC 5280 5.1, 5.2.3). */
import {
  contextTag,
  type DerElement,
  parseDer,
  readOctetString,
  readOid,
  readSequence,
  readTime,
  readUnsigned,
} from '@postern/der';

export interface ListSummary {
  readonly number: number;
  readonly nextUpdateMs: number;
}

const MAX_BYTES = 256 * 1024;
const CRL_NUMBER = '2.5.29.20';

/** `der`: untrusted; of the form that `createRevocationList` writes, or `undefined`. Its signature is not looked at. */
export function summariseRevocationList(der: Uint8Array): ListSummary | undefined {
  const whole = parseDer(der, { maxBytes: MAX_BYTES });
  const [tbs] = whole.ok ? partsOf(whole.value) : [];
  const fields = tbs === undefined ? [] : partsOf(tbs);
  // version, signature, issuer, thisUpdate, nextUpdate
  const nextUpdate = fields[4] && readTime(fields[4]);
  const wrapped = fields.at(-1);
  if (nextUpdate?.ok !== true || wrapped?.tag !== contextTag(0, 'constructed')) return undefined;
  const list = parseDer(wrapped.value, { maxBytes: MAX_BYTES });
  for (const extension of list.ok ? partsOf(list.value) : []) {
    const [id, value] = partsOf(extension);
    const oid = id && readOid(id);
    const octets = value && readOctetString(value);
    if (oid?.ok !== true || octets?.ok !== true || oid.value !== CRL_NUMBER) continue;
    const element = parseDer(octets.value, { maxBytes: 32 });
    const number = element.ok ? readUnsigned(element.value) : element;
    if (!number.ok || number.value.length > 6) return undefined;
    return { number: Number(`0x${Buffer.from(number.value).toString('hex')}`), nextUpdateMs: nextUpdate.value };
  }
  return undefined;
}

function partsOf(element: DerElement): readonly DerElement[] {
  const parts = readSequence(element);
  return parts.ok ? parts.value : [];
}
