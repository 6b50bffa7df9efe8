/** Makes the next generation of a key: nobody knows it until a state says so, and asked twice it is the same key. */
import { createRootCertificate, type PlannedStep, type Step } from '@postern/ca';
import type { KeyRing } from '@postern/keys';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';

/** Cost: a key of the key store, and for a root one signature by it. Throws `SignerUnavailable` when it cannot be made now. */
export async function makeSuccessor(
  ports: { readonly keys: KeyRing; readonly trustDomain: TrustDomain; readonly clock: Clock },
  { kind, key, generation }: Extract<PlannedStep, { readonly kind: 'prepare' }>,
): Promise<Step> {
  const { keys, trustDomain, clock } = ports;
  await keys.create(key, generation);
  if (key === 'jwt') return { kind, key, generation, spki: base64(await keys.publicKey(key, generation)) };
  const signer = await keys.signer(key, generation);
  const certificate = await createRootCertificate({ signer, trustDomain, nowMs: clock.nowMs(), generation });
  return { kind, key, generation, spki: base64(signer.spki), certificate: base64(certificate) };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
