/**
 * Keeps the issuer key of the key store certified: for the first time, again long before its certificate ends, by the new
 * root after a rollover, and with another key once this one is distrusted. `issue` alone may sign with it.
 */
import { certifyIssuer, KMS_ISSUER_SECONDS, keyIdOf, readIssuer } from '@postern/ca';
import { type KeyRing, type Signer, SignerUnavailable } from '@postern/keys';
import type { Certificate, TrustDomain } from '@postern/spiffe';
import type { Clock, Objects } from '@postern/store';
import { storedIssuers, storeIssuer } from '../issuer_certificates.ts';
import { type AnnouncePorts, announceIssuer } from './announce_issuer.ts';

export interface KmsIssuerPorts extends AnnouncePorts {
  readonly trustDomain: TrustDomain;
  readonly objects: Objects;
  readonly keys: Pick<KeyRing, 'publicKey' | 'create'>;
  readonly rootSigner: () => Promise<Signer>;
  /** Of the key that signs now. */
  readonly root: Certificate;
  readonly isNameConstrained: boolean;
  /** All whose signatures are still believed. */
  readonly roots: readonly Certificate[];
  readonly clock: Clock;
}

/**
 * One tick: idempotent, and the same after a crash at any step. Cost when nothing is due: a list, an object, a read of
 * the feed; else one use of the root key, a record, an entry of the feed and an object. Throws `SignerUnavailable` and
 * `StoreUnavailable`; then the certificate that is there goes on.
 */
export async function keepKmsIssuer(ports: KmsIssuerPorts): Promise<void> {
  const { trustDomain, objects, root, clock } = ports;
  const known = await newestOf(ports);
  const { generation, spki } = await trustedKey(ports, known?.generation ?? 1);
  const nowMs = clock.nowMs();
  if (known?.generation === generation && isCurrent(known.certificate, ports, nowMs)) return;
  const rootSigner = await ports.rootSigner();
  const { isNameConstrained } = ports;
  const wishes = { lifeSeconds: KMS_ISSUER_SECONDS, isNameConstrained };
  const der = await certifyIssuer({ rootSigner, root, spki, trustDomain, nowMs, ...wishes });
  // In the feed before `issue` can find it.
  await storeIssuer(objects, generation, await announceIssuer(ports, der, nowMs));
}

/** By this root, constrained as it is to be, and with more than half of its life to come, or as much as the root has. */
function isCurrent(certificate: Certificate, { root, isNameConstrained }: KmsIssuerPorts, nowMs: number): boolean {
  if ((certificate.uriConstraints !== undefined) !== isNameConstrained) return false;
  const isByRoot = certificate.authorityKeyId === root.subjectKeyId;
  const isCapped = certificate.notAfterMs >= root.notAfterMs;
  return isByRoot && (isCapped || nowMs < (certificate.notBeforeMs + certificate.notAfterMs) / 2);
}

/** What somebody filed under a generation that its key is not of would lead to keys that nobody needs. */
async function newestOf({ objects, keys, roots, trustDomain }: KmsIssuerPorts) {
  for await (const { der, generation } of storedIssuers(objects)) {
    const certificate = readIssuer(der, { roots, trustDomain });
    if (certificate !== undefined && (await isOfGeneration(keys, certificate, generation)))
      return { certificate, generation };
  }
  return undefined;
}

async function isOfGeneration(keys: KmsIssuerPorts['keys'], certificate: Certificate, generation: number) {
  try {
    return Buffer.compare(certificate.spki, await keys.publicKey('issuer', generation)) === 0;
  } catch (fault) {
    // There is none, or nobody can say: then neither can the next step.
    if (fault instanceof SignerUnavailable) return false;
    throw fault;
  }
}

/** From `generation` on the first key that nobody distrusted; made when there is none yet. */
async function trustedKey({ keys, feedLog }: KmsIssuerPorts, generation: number) {
  for (let candidate = generation; ; candidate += 1) {
    if (candidate > 1) await keys.create('issuer', candidate);
    const spki = await keys.publicKey('issuer', candidate);
    const keyId = Buffer.from(keyIdOf(spki)).toString('hex');
    if ((await feedLog.latest('revocation', `issuer:${keyId}`)) === undefined) return { generation: candidate, spki };
  }
}
