/** How a certificate is named by whoever asks when to renew it (RFC 9773 4.1). */

export interface CertificateId {
  /** Hex, as certificates of ours are read. */
  readonly issuerKeyId: string;
  readonly serial: string;
}

const PART = /^[A-Za-z0-9_-]{1,64}$/;

/** `undefined` for what is none. `text`: untrusted: the authority's key id, `.`, and the DER content of the serial. */
export function parseCertificateId(text: string): CertificateId | undefined {
  const parts = text.length <= 129 ? text.split('.') : [];
  if (parts.length !== 2 || !parts.every((part) => PART.test(part))) return undefined;
  const [keyId, serial] = parts.map((part) => Buffer.from(part, 'base64url')) as [Buffer, Buffer];
  const isCanonical = parts.join('.') === `${keyId.toString('base64url')}.${serial.toString('base64url')}`;
  if (!isCanonical || serial.length === 0 || (serial[0] as number) >= 0x80) return undefined;
  return { issuerKeyId: keyId.toString('hex'), serial: serial.toString('hex').replace(/^00(?=..)/, '') };
}
