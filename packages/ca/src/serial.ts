/** Serial numbers: 128 random bits, the first set so that the length is fixed and the number is positive (x509.md P1). */
import { randomBytes } from 'node:crypto';

const OCTETS = 16;
/** Drawn for many at once: asking the system costs more than the numbers do. */
const DRAWN = 256;
let drawn = new Uint8Array();
let used = 0;

export function createSerial(): Uint8Array {
  if (used === drawn.length) [drawn, used] = [randomBytes(OCTETS * DRAWN), 0];
  const serial = drawn.slice(used, used + OCTETS);
  used += OCTETS;
  // Highest bit clear (positive in 16 octets), next bit set (never a leading zero octet): 126 bits are random.
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  return serial;
}
