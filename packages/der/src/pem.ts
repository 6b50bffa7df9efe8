/** PEM (RFC 7468) for one label: blocks of base64 with nothing but white space between them. */
import { accept, type Result, refuse } from '@postern/result';
import { decodeBase64, encodeBase64 } from './base64.ts';

export type PemReason = 'pem-too-large' | 'pem-malformed' | 'pem-label' | 'pem-empty';

export function encodePem(label: string, der: Uint8Array): string {
  const lines = encodeBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** All blocks, each with this label. Text around them is refused: what one reader skips, another may read. */
export function parsePem(
  text: string,
  label: string,
  options: { readonly maxBytes: number },
): Result<Uint8Array[], PemReason> {
  if (text.length > options.maxBytes) return refuse('pem-too-large', `${text.length} characters`);
  const blocks: Uint8Array[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const begin = /^-----BEGIN ([A-Z0-9 ]{1,64})-----\r?\n/.exec(rest);
    if (begin === null) return refuse('pem-malformed');
    if (begin[1] !== label) return refuse('pem-label', `\`${begin[1]}\``);
    const end = `-----END ${label}-----`;
    const stop = rest.indexOf(end, begin[0].length);
    if (stop < 0) return refuse('pem-malformed', 'no end line');
    const bytes = decodeBase64(rest.slice(begin[0].length, stop).replace(/[\r\n \t]/g, ''));
    if (!bytes.ok) return refuse('pem-malformed', bytes.detail);
    blocks.push(bytes.value);
    rest = rest.slice(stop + end.length).trimStart();
  }
  return blocks.length > 0 ? accept(blocks) : refuse('pem-empty');
}
