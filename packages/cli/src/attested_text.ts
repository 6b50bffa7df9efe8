/** What a workload without an agent was issued: as files, as text for people, and as JSON without the key. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { AttestedSvidsAnswer } from '@postern/api';
import { CommandFailure } from './failure.ts';
import { formatFields, formatTime, type Paint } from './terminal_text.ts';
import type { OutputFile } from './write_files.ts';

const pemOf = (der: string): string => new X509Certificate(Buffer.from(der, 'base64')).toString();

/** Of the first identity. Throws when the certificate is not the key's. */
export function attestedFiles(
  { svids, jwtSvids = [], trustBundle }: AttestedSvidsAnswer,
  key: KeyObject,
): OutputFile[] {
  const [svid] = svids;
  const [leaf = ''] = svid?.chain ?? [];
  const isOurs = leaf !== '' && new X509Certificate(Buffer.from(leaf, 'base64')).checkPrivateKey(key);
  if (svid === undefined || !isOurs)
    throw new CommandFailure('internal', 'answer-malformed', 'the certificate is not of this key', 'check --url');
  const token = jwtSvids.find(({ spiffeId }) => spiffeId === svid.spiffeId)?.token;
  return [
    { name: 'svid.pem', text: svid.chain.map(pemOf).join('') },
    { name: 'key.pem', text: key.export({ format: 'pem', type: 'pkcs8' }) as string, isSecret: true },
    { name: 'bundle.pem', text: authoritiesOf(trustBundle).map(pemOf).join('') },
    ...(token === undefined ? [] : [{ name: 'svid.jwt', text: `${token}\n`, isSecret: true }]),
  ];
}

/** SPIFFE Trust Domain and Bundle 4.2: a certificate authority is a key with `x5c`. */
function authoritiesOf(trustBundle: string): readonly string[] {
  const { keys = [] } = JSON.parse(trustBundle) as { keys?: { use?: string; x5c?: string[] }[] };
  return keys.flatMap(({ use, x5c = [] }) => (use === 'x509-svid' ? x5c.slice(0, 1) : []));
}

export function attestedJson({ svids, refused }: AttestedSvidsAnswer): object {
  const shown = svids.map(({ chain, ...svid }) => ({ ...svid, chain: chain.map(pemOf).join('') }));
  return { svids: shown, refused };
}

export function attestedText(paint: Paint, { svids }: AttestedSvidsAnswer): string {
  return svids
    .map(({ spiffeId, serial, notAfterMs }) =>
      formatFields(paint, [
        ['SPIFFE ID', spiffeId],
        ['serial', serial],
        ['valid until', formatTime(notAfterMs)],
      ]),
    )
    .join('\n');
}
