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

/** After a failure the present issuer goes on, and the root key is asked again this much later. */
const RETRY_MS = 30_000;

/**
 * Made on first use; replaced, key and all, when it can no longer cover a leaf of the usual life. When it cannot be
 * replaced (the root key is out of reach) it goes on until it cannot cover the shortest leaf, so that an outage of hours
 * harms nobody. However many ask at once, one is made. Throws what `certify` throws when there is none to go on with.
 */
export function createEphemeralIssuer(ports: {
  readonly certify: CertifyIssuerKey;
  readonly clock: Clock;
}): () => Promise<Issuer> {
  const { certify, clock } = ports;
  let present: Issuer | undefined;
  let replaceAtMs = Number.NEGATIVE_INFINITY;
  let making: Promise<Issuer> | undefined;

  async function make(): Promise<Issuer> {
    try {
      present = await createIssuer(certify);
      replaceAtMs = present.certificate.notAfterMs - WORKLOAD_PROFILE.defaultTtlSeconds * 1000;
      return present;
    } catch (fault) {
      const nowMs = clock.nowMs();
      const lastUseMs = (present?.certificate.notAfterMs ?? 0) - WORKLOAD_PROFILE.minTtlSeconds * 1000;
      if (present === undefined || nowMs > lastUseMs) throw fault;
      replaceAtMs = nowMs + RETRY_MS;
      return present;
    } finally {
      making = undefined;
    }
  }

  return async () => {
    if (present !== undefined && clock.nowMs() < replaceAtMs) return present;
    making ??= make();
    return making;
  };
}

/** The private key stays in this process's memory: it is written nowhere and ends with it. */
async function createIssuer(certify: CertifyIssuerKey): Promise<Issuer> {
  const signer = generateSoftwareSigner('ES256');
  const der = await certify(signer.spki);
  const certificate = readOwnCertificate(der);
  if (Buffer.compare(certificate.spki, signer.spki) !== 0) throw new Error('the issuer certificate is for another key');
  return { signer, certificate, chain: [der] };
}
