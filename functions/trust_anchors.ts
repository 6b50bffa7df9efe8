/** The trust domain's root and bundle, and what agents pin of the control plane. */
import { createHash } from 'node:crypto';
import type { ControlPlaneTrust } from '@postern/api';
import { createTrustBundle, type JwtKeys } from '@postern/ca';
import { jwkFromSpki, type PublicJwk } from '@postern/keys';
import type { TrustBundle } from '@postern/spiffe';
import type { StorePorts } from './ports.ts';
import { loadRoot, type Root } from './rotate/root.ts';

/** A root that is added is with everybody who polls in a minute. */
const REFRESH_HINT_SECONDS = 60;

export interface TrustAnchors {
  readonly root: Root;
  readonly bundle: TrustBundle;
}

/** `jwtKeys`: with `kid`; none where the bundle only serves to verify agents, who have X.509-SVIDs. */
export function createTrustAnchors(
  root: Root,
  trustDomain: StorePorts['trustDomain'],
  jwtKeys: readonly PublicJwk[] = [],
): TrustAnchors {
  const content = { trustDomain, roots: [root.der], jwtKeys, refreshHintSeconds: REFRESH_HINT_SECONDS };
  return { root, bundle: createTrustBundle(content) };
}

/** Cost: one public key and one object. Throws `StoreUnavailable` before `rotate` has run for the first time. */
export async function loadTrustAnchors(
  ports: Pick<StorePorts, 'keys' | 'objects' | 'trustDomain'>,
): Promise<TrustAnchors> {
  const { keys, objects, trustDomain } = ports;
  const root = await loadRoot({ objects, spki: await keys.publicKey('root'), trustDomain });
  return createTrustAnchors(root, trustDomain);
}

/** Cost: one public key. `signer` is for `issue` alone. Throws `SignerUnavailable` when the key cannot be had now. */
export async function loadJwtKeys({ keys }: Pick<StorePorts, 'keys'>): Promise<JwtKeys> {
  return { signer: () => keys.signer('jwt'), published: [jwkFromSpki(await keys.publicKey('jwt'))] };
}

/** `url`: origin of the public doors. `ingest`: where segments go, when that is elsewhere. */
export async function loadControlPlaneTrust(
  ports: Pick<StorePorts, 'keys' | 'trustDomain'>,
  root: Root,
  place: Pick<ControlPlaneTrust, 'url' | 'ingest'>,
): Promise<ControlPlaneTrust> {
  const [release, assertion] = await Promise.all([ports.keys.publicKey('release'), ports.keys.publicKey('assertion')]);
  return {
    trustDomain: ports.trustDomain,
    ...place,
    rootDigest: createHash('sha256').update(root.der).digest('hex'),
    releaseKeys: [jwkFromSpki(release)],
    assertionKeys: [jwkFromSpki(assertion)],
  };
}
