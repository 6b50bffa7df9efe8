/** Certification requests for P-256 keys, each of another workload instance; made before anything is measured. */
import { generateKeyPairSync } from 'node:crypto';
import { createCsr } from '@postern/ca';

export function createCsrs(count: number): Uint8Array[] {
  return Array.from({ length: count }, () =>
    createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, {}),
  );
}
