/** The root certificate: made once, kept as an object that is never replaced. */
import { createRootCertificate, readOwnCertificate } from '@postern/ca';
import type { Signer } from '@postern/keys';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock, Objects } from '@postern/store';

const ROOT_OBJECT = 'authority/root.der';

/** Throws when the stored root belongs to another key or trust domain than the ones in use. */
export async function loadOrCreateRoot(ports: {
  readonly objects: Objects;
  readonly signer: Signer;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
}): Promise<Uint8Array> {
  const { objects, signer, trustDomain, clock } = ports;
  if ((await objects.get(ROOT_OBJECT)) === undefined) {
    const made = await createRootCertificate({ signer, trustDomain, nowMs: clock.nowMs() });
    await objects.putIfAbsent(ROOT_OBJECT, made);
  }
  const der = (await objects.get(ROOT_OBJECT)) as Uint8Array;
  const root = readOwnCertificate(der);
  if (Buffer.compare(root.spki, signer.spki) !== 0)
    throw new Error('the stored root certificate is of another key: restore `keys/`, or use another folder');
  if (root.subjectAltName?.uris[0] !== `spiffe://${trustDomain}`)
    throw new Error(`the stored root certificate is not of \`${trustDomain}\`: use another folder`);
  return der;
}
