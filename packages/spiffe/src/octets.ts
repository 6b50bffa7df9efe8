/** Octet strings as certificates use them: key ids and serials as text, names compared byte for byte. */

/** Lower case, two digits an octet. */
export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const octet of bytes) text += (octet < 16 ? '0' : '') + octet.toString(16);
  return text;
}

/** Not in constant time: nothing compared here is a secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}
