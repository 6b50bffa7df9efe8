/** The trust domain with its root, and what agents pin of it. */
import { createHash } from 'node:crypto';
import type { ControlPlaneTrust } from '@postern/api';
import { createTrustBundle, readOwnCertificate } from '@postern/ca';
import { jwkFromSpki, type KeyRing, type Signer } from '@postern/keys';
import { type Certificate, parseTrustDomain, type TrustBundle, type TrustDomain } from '@postern/spiffe';
import type { Clock, Objects } from '@postern/store';
import { loadOrCreateRoot } from './root.ts';

const REFRESH_HINT_SECONDS = 60;

export interface LocalTrustDomain {
  readonly trustDomain: TrustDomain;
  readonly root: Certificate;
  readonly bundle: TrustBundle;
  readonly signers: { readonly root: Signer; readonly release: Signer; readonly assertion: Signer };
  /** `url`: origin of the public doors. */
  trustOf(url: string): ControlPlaneTrust;
}

/** Throws for a name that is none, and for a stored root of another key or trust domain. */
export async function openTrustDomain(ports: {
  readonly name: string;
  readonly keys: KeyRing;
  readonly objects: Objects;
  readonly clock: Clock;
}): Promise<LocalTrustDomain> {
  const { name, keys, objects, clock } = ports;
  const parsed = parseTrustDomain(name);
  if (!parsed.ok) throw new RangeError(`\`${name}\` is not a trust domain name: ${parsed.reason}`);
  const trustDomain = parsed.value;
  const [root, release, assertion] = await Promise.all([
    keys.signer('root'),
    keys.signer('release'),
    keys.signer('assertion'),
  ]);
  const rootDer = await loadOrCreateRoot({ objects, signer: root, trustDomain, clock });
  return {
    trustDomain,
    root: readOwnCertificate(rootDer),
    bundle: createTrustBundle({ trustDomain, roots: [rootDer], jwtKeys: [], refreshHintSeconds: REFRESH_HINT_SECONDS }),
    signers: { root, release, assertion },
    trustOf: (url) => ({
      trustDomain,
      url,
      rootDigest: createHash('sha256').update(rootDer).digest('hex'),
      releaseKeys: [jwkFromSpki(release.spki)],
      assertionKeys: [jwkFromSpki(assertion.spki)],
    }),
  };
}
