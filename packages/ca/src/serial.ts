/** Serial numbers: 128 random bits, the first set so that the length is fixed and the number is positive (x509.md P1). */
import { randomBytes } from 'node:crypto';

export function createSerial(): Uint8Array {
  const serial = randomBytes(16);
  // Highest bit clear (positive in 16 octets), next bit set (never a leading zero octet): 126 bits are random.
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  return serial;
}
