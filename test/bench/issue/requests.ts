/** Certification requests for P-256 keys, each of another workload instance; made before anything is measured. */
import { generateKeyPairSync } from 'node:crypto';
import { createCsr } from '@postern/ca';

/** `spiffeId`: named in each request; step-ca asks for it. */
export function createCsrs(count: number, spiffeId?: string): Uint8Array[] {
  const names = spiffeId === undefined ? {} : { spiffeId };
  return Array.from({ length: count }, () =>
    createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, names),
  );
}
