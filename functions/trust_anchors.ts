/** The trust domain's authorities as the state says that `rotate` signed, and what agents pin of the control plane. */
import { createHash } from 'node:crypto';
import type { ControlPlaneTrust } from '@postern/api';
import {
  type AuthorityReader,
  anchorsOf,
  bundleOf,
  createAuthorityReader,
  createAuthorityStore,
  type JwtKeys,
  publishedOf,
  type SignedState,
  signingOf,
  spkiOf,
} from '@postern/ca';
import { jwkFromSpki, SignerUnavailable } from '@postern/keys';
import type { TrustBundle } from '@postern/spiffe';
import { describeFault, type StorePorts } from './ports.ts';

export interface TrustAnchors extends AuthorityReader {
  /** As of now: what is known is looked at anew after two seconds. */
  bundle(): Promise<TrustBundle>;
}

/** Cost: one public key, and a read every two seconds of use. Throws `StoreUnavailable` before `rotate` has run. */
export async function openTrustAnchors(
  ports: Pick<StorePorts, 'keys' | 'table' | 'trustDomain' | 'clock' | 'log'>,
): Promise<TrustAnchors> {
  const { keys, table, trustDomain, clock, log } = ports;
  const store = createAuthorityStore({ table, assertionKey: await keys.publicKey('assertion'), trustDomain });
  const onFault = (fault: unknown) => log('error', 'authority-not-read', { error: describeFault(fault) });
  const reader = createAuthorityReader({ store, clock, onFault });
  await reader.current();
  let made: { readonly of: SignedState; readonly bundle: TrustBundle } | undefined;
  return {
    ...reader,
    async bundle() {
      const of = await reader.current();
      if (made?.of !== of) made = { of, bundle: bundleOf(of.state) };
      return made.bundle;
    },
  };
}

/** `signer` is for `issue` alone. Throws `SignerUnavailable` when the key cannot be had now, or is another than was announced. */
export async function loadJwtKeys({ keys }: Pick<StorePorts, 'keys'>, anchors: AuthorityReader): Promise<JwtKeys> {
  const { state } = await anchors.current();
  const signing = signingOf(state, 'jwt');
  return {
    async signer() {
      const signer = await keys.signer('jwt', signing.generation);
      if (Buffer.compare(signer.spki, spkiOf(signing)) !== 0)
        throw new SignerUnavailable('the key of JWT-SVIDs is another than was published');
      return signer;
    },
    published: publishedOf(state, 'jwt').map((it) => jwkFromSpki(spkiOf(it))),
  };
}

/** `url`: origin of the public doors. `ingest`: where segments go, when that is elsewhere. */
export async function loadControlPlaneTrust(
  ports: Pick<StorePorts, 'keys' | 'trustDomain'>,
  anchors: AuthorityReader,
  place: Pick<ControlPlaneTrust, 'url' | 'ingest'>,
): Promise<ControlPlaneTrust> {
  const [release, assertion] = await Promise.all([ports.keys.publicKey('release'), ports.keys.publicKey('assertion')]);
  return {
    trustDomain: ports.trustDomain,
    ...place,
    rootDigest: rootDigestOf(await anchors.current()),
    releaseKeys: [jwkFromSpki(release)],
    assertionKeys: [jwkFromSpki(assertion)],
  };
}

/** Of the authority that what is signed now leads to. */
export function rootDigestOf({ state }: SignedState): string {
  return createHash('sha256')
    .update(anchorsOf(state).at(-1) as Uint8Array)
    .digest('hex');
}
