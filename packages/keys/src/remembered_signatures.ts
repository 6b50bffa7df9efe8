/**
 * Signatures that were found good once are good for ever: an issuer's certificate that comes with every call need not be
 * verified with every call. What was refused is verified again; whether a certificate counts now is no question of its
 * signature, and not answered here.
 */
import { createHash } from 'node:crypto';
import { verifyX509Signature, type X509SignatureInput } from './verify.ts';

/** A digest each: 100 bytes. */
const MAX_REMEMBERED = 4096;

/** Like `verifyX509Signature`. Cost of what is remembered: one SHA-256 over key, message and signature. */
export function rememberX509Signatures(max: number = MAX_REMEMBERED): (input: X509SignatureInput) => boolean {
  const good = new Set<string>();
  return (input) => {
    const digest = digestOf(input);
    if (good.has(digest)) return true;
    if (!verifyX509Signature(input)) return false;
    const [oldest] = good;
    if (good.size >= max && oldest !== undefined) good.delete(oldest);
    good.add(digest);
    return true;
  };
}

/** Each part with its length before it, so that no two inputs are the same bytes. */
function digestOf({ spki, algorithm: { oid, parameters }, message, signature }: X509SignatureInput): string {
  const hash = createHash('sha256');
  for (const part of [spki, Buffer.from(oid), parameters ?? NONE, message, signature]) {
    hash.update(`${part === NONE ? '-' : part.length}:`).update(part);
  }
  return hash.digest('base64');
}

const NONE = new Uint8Array();
