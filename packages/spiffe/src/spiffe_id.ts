/** SPIFFE IDs (SPIFFE-ID 2). A `SpiffeId` cannot be invalid: `parseSpiffeId` is its only maker. */
import { accept, type Result, refuse } from '@postern/result';
import { parseTrustDomain, type TrustDomain, type TrustDomainReason } from './trust_domain.ts';

declare const brand: unique symbol;

export interface SpiffeId {
  /** The whole ID, such as `spiffe://demo.test/payments`. Two IDs are equal when these are. */
  readonly uri: string;
  readonly trustDomain: TrustDomain;
  /** With its leading slash; empty for the trust domain's own ID. */
  readonly path: string;
  readonly [brand]: 'SpiffeId';
}

/** SPIFFE-ID 2.3: must be supported, should not be exceeded. */
export const MAX_SPIFFE_ID_BYTES = 2048;

export type SpiffeIdReason =
  | TrustDomainReason
  | 'spiffe-id-scheme'
  | 'spiffe-id-too-long'
  | 'path-trailing-slash'
  | 'path-empty-segment'
  | 'path-dot-segment'
  | 'path-character';

const SCHEME = 'spiffe://';

/**
 * Reads a SPIFFE ID, so that no two parties take one text for two names (SPIFFE-ID 2). `text`: untrusted. Whatever is no
 * letter of the grammar is refused, nothing is folded or decoded: userinfo, port, query, fragment, escapes, upper case in
 * the trust domain. Refusals: one reason per rule; of several, the first from the left but for the path, whose
 * characters come before its segments.
 */
export function parseSpiffeId(text: string): Result<SpiffeId, SpiffeIdReason> {
  if (!text.startsWith(SCHEME)) return refuse('spiffe-id-scheme');
  if (text.length > MAX_SPIFFE_ID_BYTES) return refuse('spiffe-id-too-long');
  const slash = text.indexOf('/', SCHEME.length);
  const authority = slash < 0 ? text.slice(SCHEME.length) : text.slice(SCHEME.length, slash);
  const path = slash < 0 ? '' : text.slice(slash);
  const trustDomain = parseTrustDomain(authority);
  if (!trustDomain.ok) return trustDomain;
  const reason = pathReason(path);
  if (reason !== undefined) return refuse(reason);
  return accept(Object.freeze({ uri: text, trustDomain: trustDomain.value, path }) as SpiffeId);
}

function pathReason(path: string): SpiffeIdReason | undefined {
  if (path === '') return undefined;
  if (!/^[a-zA-Z0-9._/-]+$/.test(path)) return 'path-character';
  const segments = path.slice(1).split('/');
  if (segments[segments.length - 1] === '') return 'path-trailing-slash';
  if (segments.includes('')) return 'path-empty-segment';
  return segments.some((segment) => segment === '.' || segment === '..') ? 'path-dot-segment' : undefined;
}

/** The trust domain's own ID, without a path: what its signing authority carries. */
export function trustDomainId(trustDomain: TrustDomain): SpiffeId {
  return Object.freeze({ uri: `${SCHEME}${trustDomain}`, trustDomain, path: '' }) as SpiffeId;
}

/** Whether the ID was named by this trust domain (SPIFFE-ID 2.1): only its own bundle may vouch for it. */
export function isMemberOf(id: SpiffeId, trustDomain: TrustDomain): boolean {
  return id.trustDomain === trustDomain;
}
