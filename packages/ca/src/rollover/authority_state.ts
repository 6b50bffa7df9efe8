/**
 * What the authority is made of at one moment: the generations of the root and of the key of JWT-SVIDs, each in its phase,
 * and the authorities of a migration that stand beside them. Everything here is a value; `plan.ts` says what comes next,
 * `apply_step.ts` makes it so.
 *
 *     prepared → published → signing → draining → distrusted
 *
 * prepared: the key exists, nobody knows it · published: it is in the trust bundle and signs nothing · signing: the one
 * that signs · draining: what it signed still counts · distrusted: it is in no bundle.
 */
import type { RolledKeyName } from '@postern/keys';

export const PHASES = ['prepared', 'published', 'signing', 'draining', 'distrusted'] as const;
export type Phase = (typeof PHASES)[number];

export interface Generation {
  readonly generation: number;
  readonly phase: Phase;
  /** When this phase began. */
  readonly sinceMs: number;
  readonly madeAtMs: number;
  /** SubjectPublicKeyInfo, base64 DER: a key store that shows another key is not used. */
  readonly spki: string;
  /** Of a root: base64 DER; self-signed, or signed by a company's authority that `chain` leads to. */
  readonly certificate?: string;
  /** Authorities between `certificate` and `anchors`, base64 DER, the lowest first. */
  readonly chain?: readonly string[];
  /** What stands in the bundle for it, where it is not the certificate itself: a company's roots, base64 DER. */
  readonly anchors?: readonly string[];
  /** Sequence of the first bundle that it was in: who reports this one or a later one knows it. */
  readonly publishedIn?: number;
  /** Who had it moved to this phase against the rule, and why. */
  readonly override?: Override;
}

export interface Override {
  readonly by: string;
  readonly reason: string;
}

/** An authority of the same trust domain that is not ours, while a migration lasts. */
export interface ForeignAnchor {
  /** SHA-256 of the certificate, hex. */
  readonly digest: string;
  /** Base64 DER. */
  readonly certificate: string;
  readonly by: string;
  readonly addedAtMs: number;
}

export interface AuthorityState {
  readonly trustDomain: string;
  /** Grows by one with every change; no two states have the same. */
  readonly sequence: number;
  readonly atMs: number;
  /** Of the trust bundle; grows exactly when what it says changes. */
  readonly bundleSequence: number;
  /** Oldest first. Of each key exactly one signs, and at most one is on its way there. */
  readonly keys: { readonly [K in RolledKeyName]: readonly Generation[] };
  readonly foreign: readonly ForeignAnchor[];
}

export const ROLLED_KEYS: readonly RolledKeyName[] = ['root', 'jwt'];

const IN_BUNDLE: ReadonlySet<Phase> = new Set(['published', 'signing', 'draining']);

export const isInBundle = ({ phase }: Generation): boolean => IN_BUNDLE.has(phase);

/** The one that signs. */
export function signingOf(state: AuthorityState, key: RolledKeyName): Generation {
  const signing = state.keys[key].find(({ phase }) => phase === 'signing');
  if (signing === undefined) throw new Error(`no generation of the key \`${key}\` signs`);
  return signing;
}

/** The one on its way to signing. */
export function comingOf(state: AuthorityState, key: RolledKeyName): Generation | undefined {
  return state.keys[key].find(({ phase }) => phase === 'prepared' || phase === 'published');
}

export function generationOf(state: AuthorityState, key: RolledKeyName, number: number): Generation | undefined {
  return state.keys[key].find(({ generation }) => generation === number);
}

/** Those in the bundle, the one that signs last: who follows the bundle learns from the order alone which one that is. */
export function publishedOf(state: AuthorityState, key: RolledKeyName): readonly Generation[] {
  const published = state.keys[key].filter(isInBundle);
  return [
    ...published.filter(({ phase }) => phase !== 'signing'),
    ...published.filter(({ phase }) => phase === 'signing'),
  ];
}

export const spkiOf = ({ spki }: Generation): Uint8Array => Uint8Array.from(Buffer.from(spki, 'base64'));

/** DER of a root's certificate. */
export function certificateOf({ certificate, generation }: Generation): Uint8Array {
  if (certificate === undefined) throw new Error(`generation ${generation} has no certificate`);
  return Uint8Array.from(Buffer.from(certificate, 'base64'));
}
