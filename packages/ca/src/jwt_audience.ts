/** Audiences of JWT-SVIDs, as a workload or an attested caller asks for them. */
import { accept, type Result, refuse } from '@postern/result';

/** A token for many services is one that any of them can replay at the others: the standard wants it scoped (JWT-SVID 3.2). */
export const MAX_AUDIENCES = 10;
/** The longest that the clouds ask for are below 300. */
export const MAX_AUDIENCE_LENGTH = 512;
/** A StringOrURI (RFC 7519 2) without what looks like another, or like nothing: spaces, control and non-ASCII characters. */
const AUDIENCE = /^[\x21-\x7e]+$/;

export type AudienceReason =
  | 'audience-missing'
  | 'audience-too-many'
  | 'audience-empty'
  | 'audience-too-long'
  | 'audience-characters'
  | 'audience-repeated';

/** `audience`: untrusted texts, the services that the token is for. Empty is refused, since it would be for anybody. */
export function checkAudience(audience: readonly string[]): Result<void, AudienceReason> {
  if (audience.length === 0) return refuse('audience-missing');
  if (audience.length > MAX_AUDIENCES) return refuse('audience-too-many', `${audience.length}`);
  for (const name of audience) {
    if (name === '') return refuse('audience-empty');
    if (name.length > MAX_AUDIENCE_LENGTH) return refuse('audience-too-long', `${name.length} characters`);
    if (!AUDIENCE.test(name)) return refuse('audience-characters');
  }
  return new Set(audience).size === audience.length ? accept(undefined) : refuse('audience-repeated');
}
