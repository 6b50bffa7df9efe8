/** Certificates as Envoy carries them in fields and headers: PEM, percent-encoded. Read on every request, so by hand. */
import { accept, type Result, refuse } from '@postern/result';

/** A P-384 leaf is 1.5 KiB of PEM, an RSA-4096 one with many names 6 KiB; percent-encoding adds little. */
export const MAX_URL_ENCODED_PEM_LENGTH = 16 * 1024;

export type UrlEncodedPemReason = 'peer-certificate-malformed' | 'peer-certificate-too-large';

/** RFC 7468 3, the strict form (`stricttextualmsg`): one block, nothing before or after it. */
const ONE_CERTIFICATE =
  /^-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/]{1,76}={0,2}\r?\n)+)-----END CERTIFICATE-----(?:\r?\n)?$/;

/**
 * Reads exactly one certificate from `source.certificate`, `%DOWNSTREAM_PEER_CERT%` or XFCC's `Cert`. Prevents a
 * second certificate from hiding behind the one that is looked at. `text`: untrusted. Answers DER, not yet parsed.
 */
export function parseUrlEncodedCertificate(text: string): Result<Uint8Array, UrlEncodedPemReason> {
  if (text.length > MAX_URL_ENCODED_PEM_LENGTH) return refuse('peer-certificate-too-large');
  const pem = percentDecode(text);
  const lines = pem === undefined ? undefined : ONE_CERTIFICATE.exec(pem)?.[1];
  if (lines === undefined) return refuse('peer-certificate-malformed');
  const base64 = lines.replace(/[\r\n]/g, '');
  const der = Buffer.from(base64, 'base64');
  // `Buffer` passes over what is not base64: one spelling per certificate, or none.
  return der.toString('base64') === base64 ? accept(der) : refuse('peer-certificate-malformed');
}

/** `+` stays `+`: it is base64 here, not a space. */
function percentDecode(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
