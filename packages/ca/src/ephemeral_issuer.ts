/**
 * The ephemeral issuer of one instance: a P-256 key made in its memory, certified once by the root (through the function
 * that may use it) and then used for every leaf. A thousand SVIDs cost one use of the root key.
 */
import { generateSoftwareSigner } from '@postern/keys';
import type { Clock } from '@postern/store';
import type { Issuer } from './authority.ts';
import { type AboveIssuer, holdIssuer, type IsIssuerCurrent, type IsIssuerDistrusted } from './held_issuer.ts';
import { WORKLOAD_PROFILE } from './profile.ts';
import { readOwnCertificate } from './root.ts';

/** Answers the issuer's certificate, DER. It is logged and in the feed before it is answered. */
export type CertifyIssuerKey = (spki: Uint8Array) => Promise<Uint8Array>;

/**
 * Made on first use; replaced, key and all, when it can no longer cover a leaf of the usual life, or was distrusted. When it cannot be
 * replaced (the root key is out of reach) it goes on until it cannot cover the shortest leaf. Throws what `certify` throws
 * when there is none to go on with.
 */
export function createEphemeralIssuer(ports: {
  readonly certify: CertifyIssuerKey;
  readonly clock: Clock;
  readonly above?: AboveIssuer;
  readonly isCurrent?: IsIssuerCurrent;
  readonly isDistrusted?: IsIssuerDistrusted;
}): () => Promise<Issuer> {
  return holdIssuer({
    make: async () => createIssuer(ports.certify, ports.above),
    replaceAtMs: ({ certificate }) => certificate.notAfterMs - WORKLOAD_PROFILE.defaultTtlSeconds * 1000,
    isDistrusted: ports.isDistrusted,
    isCurrent: ports.isCurrent,
    clock: ports.clock,
  });
}

/** The private key stays in this process's memory: it is written nowhere and ends with it. */
async function createIssuer(certify: CertifyIssuerKey, above: AboveIssuer | undefined): Promise<Issuer> {
  const signer = generateSoftwareSigner('ES256');
  const der = await certify(signer.spki);
  const certificate = readOwnCertificate(der);
  if (Buffer.compare(certificate.spki, signer.spki) !== 0) throw new Error('the issuer certificate is for another key');
  return { signer, certificate, chain: [der, ...((await above?.(certificate)) ?? [])] };
}
