export { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from './base64.ts';
export { type DerElement, type DerReason, parseDer, readChildren } from './element.ts';
export { encodePem, type PemReason, parsePem } from './pem.ts';
export { contextTag, TAG } from './tags.ts';
export { formatTime, readTime } from './time.ts';
export {
  type BitString,
  readBitString,
  readBoolean,
  readImplicitIa5,
  readInteger,
  readNull,
  readOctetString,
  readOid,
  readSequence,
  readSet,
  readSmallInteger,
  readText,
  readUnsigned,
} from './values.ts';
export {
  bitString,
  boolean,
  element,
  ia5String,
  namedBits,
  nullValue,
  octetString,
  oid,
  printableString,
  sequence,
  setOf,
  time,
  unsigned,
  utf8String,
} from './write.ts';
