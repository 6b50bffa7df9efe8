/** The trust bundle that a state of the authority says. */
import { createHash } from 'node:crypto';
import { jwkFromSpki } from '@postern/keys';
import type { TrustBundle, TrustDomain } from '@postern/spiffe';
import { type AuthorityState, certificateOf, type Generation, publishedOf, spkiOf } from './authority_state.ts';

/** A root that is added is with everybody who polls in a minute. */
export const AUTHORITY_REFRESH_HINT_SECONDS = 60;

/** Foreign authorities first, then ours, the root that signs last. */
export function bundleOf(state: AuthorityState): TrustBundle {
  return {
    trustDomain: state.trustDomain as TrustDomain,
    sequence: state.bundleSequence,
    refreshHintSeconds: AUTHORITY_REFRESH_HINT_SECONDS,
    x509Authorities: anchorsOf(state),
    jwtAuthorities: publishedOf(state, 'jwt').map((key) => {
      const jwk = jwkFromSpki(spkiOf(key));
      return { keyId: jwk['kid'] as string, jwk };
    }),
  };
}

/** DER, each once. */
export function anchorsOf(state: AuthorityState): readonly Uint8Array[] {
  const texts = [
    ...state.foreign.map(({ certificate }) => certificate),
    ...publishedOf(state, 'root').flatMap(anchorTextsOf),
  ];
  // Of one that is there twice the last counts: it may be the one that signs.
  const distinct = texts.filter((text, index) => texts.lastIndexOf(text) === index);
  return distinct.map((text) => Uint8Array.from(Buffer.from(text, 'base64')));
}

/** Whether it is, or was, a root of this authority, but for those long forgotten. `digest`: SHA-256 of its DER, hex. */
export function knowsRoot(state: AuthorityState, digest: string): boolean {
  return state.keys.root
    .flatMap((root) => anchorTextsOf(root))
    .some((text) => createHash('sha256').update(text, 'base64').digest('hex') === digest);
}

function anchorTextsOf(root: Generation): readonly string[] {
  return root.anchors ?? [Buffer.from(certificateOf(root)).toString('base64')];
}
