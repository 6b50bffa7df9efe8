/**
 * JWT-SVIDs for OpenID Connect relying parties, such as the clouds' identity federation: the discovery document and the
 * key set that it names. The keys are the trust bundle's, in other words: that says `use: jwt-svid` and no `alg`
 * (JWT-SVID 6.1, Trust Domain and Bundle 4.2), which clients of RFC 7517 would pass over.
 */
import { PATHS } from '@postern/api';
import { JWT_SVID_ALGORITHMS, type JwtAuthority, type TrustBundle } from '@postern/spiffe';

/**
 * OpenID Connect Discovery 1.0 (3). There is nobody to sign in here, and so no authorization or token endpoint, as with
 * other issuers of workload tokens. `issuer`: an origin; the document is found below it, and tokens name it as `iss`.
 */
export function renderOpenidConfiguration(issuer: string, bundle: TrustBundle): object {
  return {
    issuer,
    jwks_uri: `${issuer}${PATHS.jwks}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(bundle.jwtAuthorities.map(algorithmOf))],
    claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti'],
  };
}

/** A JWK Set (RFC 7517 5) of signing keys, each with its algorithm, so that a client need not guess it. */
export function renderJwks({ jwtAuthorities }: TrustBundle): object {
  const keys = jwtAuthorities.map((authority) => {
    const { keyId, jwk } = authority;
    return { ...jwk, kid: keyId, use: 'sig', alg: algorithmOf(authority) };
  });
  return { keys };
}

/** What a key of this type and curve signs JWT-SVIDs with: the first row of the standard's table that fits. */
function algorithmOf({ jwk }: JwtAuthority): string {
  const rows = Object.entries(JWT_SVID_ALGORITHMS);
  const row = rows.find(([, members]) => Object.entries(members).every(([name, value]) => jwk[name] === value));
  if (row === undefined) throw new TypeError('a JWT authority of the bundle signs with no algorithm that we know');
  return row[0];
}
