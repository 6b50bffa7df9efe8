/** A person, as one of the configured providers vouches for them. */
export interface UserIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** Only when the provider says that it verified it: an address that users choose freely names nobody. */
  readonly email?: string;
  /** Postern's groups, mapped from the provider's; sorted, no duplicates. */
  readonly groups: readonly string[];
  readonly authTimeMs?: number;
  readonly acr?: string;
  readonly amr: readonly string[];
  readonly deviceId?: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly tokenId?: string;
  readonly sessionId?: string;
  /** Base64url SHA-256 of the token: names it in records without being it. */
  readonly tokenDigest: string;
}

/** An OpenID provider as a release configures it; structural, so that identity needs to know nothing of releases. */
export interface UserTokenIssuer {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** JOSE algorithms, fixed per issuer (RFC 8725 3.1). */
  readonly algorithms: readonly string[];
  readonly tokens: readonly ('access-token' | 'id-token')[];
  readonly groupsClaim?: string;
  /** Provider's group → Postern's group; groups not named here do not count. */
  readonly groups: { readonly [providerGroup: string]: string };
  readonly deviceClaim?: string;
}

/** Keys of one provider, as the feed delivered them. A changed set is another object. */
export interface TokenKeySet {
  readonly keys: readonly { readonly [name: string]: unknown }[];
}
