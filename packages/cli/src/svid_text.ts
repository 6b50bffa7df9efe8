/** An SVID as PEM, as text for people and as JSON; the private key only as PEM, for a file. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { WorkloadSvid } from '@postern/agent';
import { formatFields, formatTime, type Paint } from './terminal_text.ts';

const pemOf = (certificates: readonly Uint8Array[]) =>
  certificates.map((der) => new X509Certificate(der).toString()).join('');

/** Throws when the key is not the certificate's. */
export function pemOfSvid({ chain, privateKey, bundle }: WorkloadSvid): {
  chain: string;
  privateKey: string;
  bundle: string;
} {
  const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
  const [leaf] = chain;
  if (leaf === undefined || !new X509Certificate(leaf).checkPrivateKey(key))
    throw new Error('the private key is not that of the certificate');
  return {
    chain: pemOf(chain),
    privateKey: key.export({ format: 'pem', type: 'pkcs8' }) as string,
    bundle: pemOf(bundle),
  };
}

export function svidJson(svid: WorkloadSvid): object {
  const { spiffeId, hint, serial, notBeforeMs, notAfterMs, chain, bundle } = svid;
  return { spiffeId, hint, serial, notBeforeMs, notAfterMs, chain: pemOf(chain), bundle: pemOf(bundle) };
}

export function svidText(paint: Paint, svid: WorkloadSvid): string {
  return formatFields(paint, [
    ['SPIFFE ID', svid.spiffeId],
    ['hint', svid.hint],
    ['serial', svid.serial],
    ['valid from', formatTime(svid.notBeforeMs)],
    ['valid until', formatTime(svid.notAfterMs)],
  ]);
}
