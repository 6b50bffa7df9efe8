/**
 * A federation relationship: another trust domain whose bundle is fetched, from where, and how that place is known
 * (SPIFFE Federation 5.1). All of it is the operator's word; nothing of it is ever taken from a bundle.
 */
import { accept, type Result, refuse } from '@postern/result';
import { parseSpiffeId, parseTrustBundle, parseTrustDomain, type TrustDomain } from '@postern/spiffe';

/** How the endpoint is authenticated: by the web's authorities, or as a workload of its trust domain. */
export type EndpointProfile = 'https_web' | 'https_spiffe';

export interface FederationInput {
  readonly trustDomain: string;
  readonly url: string;
  readonly profile: EndpointProfile;
  /** Of the endpoint's own SVID; with `https_spiffe`. */
  readonly endpointSpiffeId?: string;
  /** SPIFFE bundle document that verifies the endpoint the first time; with `https_spiffe`. */
  readonly bootstrapBundle?: string;
}

export interface FederationRelationship extends FederationInput {
  readonly createdAtMs: number;
}

export type FederationReason =
  | 'federation-trust-domain'
  | 'federation-own-domain'
  | 'federation-url'
  | 'federation-profile'
  | 'federation-endpoint-id'
  | 'federation-bootstrap';

const MAX_URL_LENGTH = 2048;

/** `input`: from an administrator, of the right types. `detail` says which rule. */
export function checkFederationInput(
  input: FederationInput,
  ownTrustDomain: TrustDomain,
): Result<FederationInput, FederationReason> {
  const { url, profile, endpointSpiffeId, bootstrapBundle } = input;
  const trustDomain = parseTrustDomain(input.trustDomain);
  if (!trustDomain.ok) return refuse('federation-trust-domain', trustDomain.reason);
  // Anybody who serves our own name would be every workload of ours.
  if (trustDomain.value === ownTrustDomain) return refuse('federation-own-domain');
  const place = checkEndpointUrl(url);
  if (!place.ok) return place;
  if (profile === 'https_web') {
    if (endpointSpiffeId !== undefined) return refuse('federation-endpoint-id', 'only with https_spiffe');
    if (bootstrapBundle !== undefined) return refuse('federation-bootstrap', 'only with https_spiffe');
    return accept({ trustDomain: trustDomain.value, url, profile });
  }
  if (profile !== 'https_spiffe') return refuse('federation-profile');
  const id = parseSpiffeId(endpointSpiffeId ?? '');
  if (!id.ok) return refuse('federation-endpoint-id', id.reason);
  if (id.value.path === '') return refuse('federation-endpoint-id', 'a trust domain has no certificate of its own');
  if (bootstrapBundle === undefined) return refuse('federation-bootstrap', 'absent');
  // The endpoint may be of a third trust domain (5.2.2); its own bundle then verifies it.
  const bundle = parseTrustBundle(bootstrapBundle, id.value.trustDomain);
  if (!bundle.ok) return refuse('federation-bootstrap', bundle.reason);
  if (bundle.value.x509Authorities.length === 0) return refuse('federation-bootstrap', 'no X.509 authority');
  return accept({ trustDomain: trustDomain.value, url, profile, endpointSpiffeId: id.value.uri, bootstrapBundle });
}

/** `https`, without user information (5.2.1.1, 5.2.2.1); also for where a redirect leads. `text`: untrusted. */
export function checkEndpointUrl(text: string): Result<URL, 'federation-url'> {
  if (text.length > MAX_URL_LENGTH || !URL.canParse(text)) return refuse('federation-url');
  const url = new URL(text);
  if (url.protocol !== 'https:') return refuse('federation-url', 'https is required');
  if (url.username !== '' || url.password !== '') return refuse('federation-url', 'no user information');
  return accept(url);
}
