/** The authority's first state: the root that `rotate` made when it began, and the first key of tokens. Both sign. */
import { type AuthorityState, type AuthorityStore, AuthorityTampered } from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import type { KeyRing } from '@postern/keys';
import { parseTrustBundle, type TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { Root } from './root.ts';

/** Does nothing where there is one. A state that was there and is gone is for an operator to look at. */
export async function beginAuthority(ports: {
  readonly store: AuthorityStore;
  readonly feedLog: FeedLog;
  readonly keys: KeyRing;
  readonly root: Root;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
}): Promise<void> {
  const { store, keys, root, trustDomain, clock } = ports;
  if ((await store.read()) !== undefined) return;
  if (await hasRolled(ports)) throw new AuthorityTampered('the bundle has moved on, and the authority’s state is gone');
  const atMs = clock.nowMs();
  const since = { generation: 1, phase: 'signing', sinceMs: atMs, madeAtMs: atMs, publishedIn: 1 } as const;
  const first: AuthorityState = {
    trustDomain,
    sequence: 1,
    atMs,
    bundleSequence: 1,
    keys: {
      root: [{ ...since, spki: base64(root.certificate.spki), certificate: base64(root.der) }],
      jwt: [{ ...since, spki: base64(await keys.publicKey('jwt')) }],
    },
    foreign: [],
  };
  // Of two that begin at once, one is first, and both go by what it wrote.
  await store.write(first, await keys.signer('assertion'));
}

/** The first bundle of all has the number 1. */
async function hasRolled({ feedLog, trustDomain }: { readonly feedLog: FeedLog; readonly trustDomain: TrustDomain }) {
  const fact = await feedLog.latest('trust-bundle', trustDomain);
  if (fact?.kind !== 'trust-bundle') return false;
  const bundle = parseTrustBundle(fact.bundle, trustDomain);
  return !bundle.ok || (bundle.value.sequence ?? 0) > 1;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
