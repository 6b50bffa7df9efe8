/**
 * The ephemeral issuer of one instance: a P-256 key made in its memory, certified once by the root (through the function
 * that may use it) and then used for every leaf. A thousand SVIDs cost one use of the root key.
 */
import { generateSoftwareSigner } from '@postern/keys';
import type { Clock } from '@postern/store';
import type { Issuer } from './authority.ts';
import { WORKLOAD_PROFILE } from './profile.ts';
import { readOwnCertificate } from './root.ts';

/** Answers the issuer's certificate, DER. It is logged and in the feed before it is answered. */
export type CertifyIssuerKey = (spki: Uint8Array) => Promise<Uint8Array>;

/** Made on first use; replaced, key and all, when it can no longer cover a leaf of the usual life. */
export function createEphemeralIssuer(ports: { readonly certify: CertifyIssuerKey; readonly clock: Clock }): () => Promise<Issuer> {
  let current: Promise<Issuer> | undefined;
  let replaceAtMs = 0;

  async function make(): Promise<Issuer> {
    const signer = generateSoftwareSigner('ES256');
    const der = await ports.certify(signer.spki);
    const certificate = readOwnCertificate(der);
    replaceAtMs = certificate.notAfterMs - WORKLOAD_PROFILE.defaultTtlSeconds * 1000;
    return { signer, certificate, chain: [der] };
  }

  return () => {
    if (current === undefined || ports.clock.nowMs() >= replaceAtMs) {
      // Until it is there nobody makes another one; a failure is forgotten, so that the next caller tries again.
      replaceAtMs = Number.POSITIVE_INFINITY;
      current = make().catch((fault) => {
        current = undefined;
        throw fault;
      });
    }
    return current;
  };
}
