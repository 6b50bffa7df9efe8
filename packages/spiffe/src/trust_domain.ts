/** Trust domain names (SPIFFE-ID 2.1). A `TrustDomain` cannot be invalid: `parseTrustDomain` is its only maker. */
import { accept, type Result, refuse } from '@postern/result';

declare const brand: unique symbol;
/** Such as `demo.test`; lower case, 1 to 255 bytes. */
export type TrustDomain = string & { readonly [brand]: 'TrustDomain' };

export const MAX_TRUST_DOMAIN_BYTES = 255;

export type TrustDomainReason = 'trust-domain-empty' | 'trust-domain-too-long' | 'trust-domain-character';

/**
 * Reads a trust domain name (SPIFFE-ID 2.1): lower-case letters, digits, `.`, `-` and `_`, no more than 255. `text`:
 * untrusted. Upper case is refused, not folded: two spellings would be two names to somebody else. Names that look like
 * addresses or host names are not treated differently. Refusals: one reason per rule.
 */
export function parseTrustDomain(text: string): Result<TrustDomain, TrustDomainReason> {
  if (text === '') return refuse('trust-domain-empty');
  if (text.length > MAX_TRUST_DOMAIN_BYTES) return refuse('trust-domain-too-long');
  return /^[a-z0-9._-]+$/.test(text) ? accept(text as TrustDomain) : refuse('trust-domain-character');
}
