/** The root certificate: made once by `rotate`, kept as an object that is never replaced, believed for its key alone. */
import { createRootCertificate, readOwnCertificate } from '@postern/ca';
import { type Signer, verifyX509Signature } from '@postern/keys';
import type { Certificate, TrustDomain } from '@postern/spiffe';
import { type Clock, type Objects, StoreUnavailable } from '@postern/store';

const ROOT_OBJECT = 'authority/root.der';

export interface Root {
  readonly der: Uint8Array;
  readonly certificate: Certificate;
}

/**
 * Throws when the stored root belongs to another key or trust domain than the ones in use. `beforeCreating`: called when
 * there is none; when it rejects, none is made: a root that was there and is gone is for an operator to look at.
 */
export async function loadOrCreateRoot(ports: {
  readonly objects: Objects;
  readonly signer: Signer;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly beforeCreating: () => Promise<void>;
}): Promise<Root> {
  const { objects, signer, trustDomain, clock } = ports;
  if ((await objects.get(ROOT_OBJECT)) === undefined) {
    await ports.beforeCreating();
    const made = await createRootCertificate({ signer, trustDomain, nowMs: clock.nowMs() });
    await objects.putIfAbsent(ROOT_OBJECT, made);
  }
  return loadRoot({ objects, spki: signer.spki, trustDomain });
}

/**
 * `spki`: of the root key, from the key store: whoever can merely write the objects cannot name another root. Throws
 * `StoreUnavailable` before `rotate` has run for the first time.
 */
export async function loadRoot(ports: {
  readonly objects: Objects;
  readonly spki: Uint8Array;
  readonly trustDomain: TrustDomain;
}): Promise<Root> {
  const { spki, trustDomain } = ports;
  const der = await ports.objects.get(ROOT_OBJECT);
  if (der === undefined) throw new StoreUnavailable('there is no root certificate yet: `rotate` has not run');
  const certificate = readOwnCertificate(der);
  if (Buffer.compare(certificate.spki, spki) !== 0)
    throw new Error('the stored root certificate is of another key: restore the root key, or begin anew elsewhere');
  // Names, life and extensions are whoever's signature it is, not the key's.
  if (!isSelfSigned(certificate)) throw new Error('the stored root certificate is not signed by the root key');
  if (certificate.subjectAltName?.uris[0] !== `spiffe://${trustDomain}`)
    throw new Error(`the stored root certificate is not of \`${trustDomain}\`: begin anew elsewhere`);
  return { der, certificate };
}

function isSelfSigned({ tbs, signature, signatureAlgorithm, spki }: Certificate): boolean {
  return verifyX509Signature({ algorithm: signatureAlgorithm, spki, message: tbs, signature });
}
