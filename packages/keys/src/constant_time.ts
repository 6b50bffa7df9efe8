/** Comparison of secrets whose time does not depend on where they differ. */
import { timingSafeEqual } from 'node:crypto';

/** The lengths may be told from the time it takes; what we compare has a fixed length. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
