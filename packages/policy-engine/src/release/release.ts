/**
 * A release: everything a decision point needs to decide without a call, as plain JSON. It is immutable, numbered and
 * signed (the signature is the caller's: compact JWS, `typ` below, over the canonical bytes). Unknown fields are
 * tolerated so that an older decision point reads a newer release of the same major format.
 */
export const RELEASE_FORMAT = 'postern.release/1';
export const RELEASE_JWS_TYPE = 'postern-release+jws';
/** 32 MiB: 10,000 policies of nine conditions each are about 17 MiB. */
export const MAX_RELEASE_BYTES = 32 * 1024 * 1024;

export interface Release {
  readonly format: typeof RELEASE_FORMAT;
  readonly trustDomain: string;
  /** Grows by one with each publication of this trust domain; a decision point refuses a lower one. */
  readonly number: number;
  readonly madeAtMs: number;
  /** Seconds after `madeAtMs` at which this release counts as stale unless the feed vouches for it. */
  readonly staleAfterSeconds: number;
  readonly ring: string;
  /**
   * SHA-256, hex, over the canonical bytes of what decides: `policies`, `schema`, `services`, `teams`, `workloadGroups`,
   * `issuers`, `strictErrors`. Equal content, equal digest, whatever the number.
   */
  readonly contentDigest: string;
  readonly policies: readonly ReleasedPolicy[];
  /** Cedar schema text that the policies were validated against. */
  readonly schema: string;
  readonly services: readonly Service[];
  readonly teams: readonly Team[];
  readonly workloadGroups: readonly WorkloadGroup[];
  readonly issuers: readonly TokenIssuer[];
  /** Key ids (RFC 7638 thumbprints) with public JWKs that may sign the next release. */
  readonly nextSigners: readonly { readonly keyId: string; readonly jwk: { readonly [name: string]: string } }[];
  /** An errored `forbid` denies (design, policy model); recorded beside Cedar's own result. */
  readonly strictErrors: boolean;
}

export interface ReleasedPolicy {
  /** `@id` where given, else `file:line:column`; unique in the release. */
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** `org` guardrails apply to everything; a team's policies only to services that the team or a child team owns. */
  readonly level: 'org' | 'team';
  readonly team?: string;
  readonly file: string;
  readonly line: number;
  /** Of each clause of `json`, in order, the line in `file` where it begins; of one that no file has, `line`. */
  readonly clauseLines?: readonly number[];
  readonly annotations: { readonly [name: string]: string };
  /**
   * Cedar's JSON policy format, a team's policy with its ownership conjoined; clauses that were read from a release have
   * `all` in place of `body` (`SharedClauseJson`). Integers beyond 2^53 are bigints here and plain digits in the canonical
   * bytes (canonical.ts).
   */
  readonly json: unknown;
  /** SHA-256, hex, of the canonical bytes of `json`. */
  readonly digest: string;
}

export type UserRequirement = 'required' | 'optional' | 'none';
export type Assurance = 'certificate' | 'xfcc-certificate' | 'xfcc-uri';
export type StaleRule = 'deny' | 'last-known-good';

export interface Service {
  readonly name: string;
  readonly owner: string;
  readonly hosts: readonly string[];
  /** SPIFFE IDs the service itself runs as. */
  readonly spiffeIds: readonly string[];
  /** SPIFFE IDs (or role ARNs) of proxies that may ask for decisions about this service. */
  readonly enforcementPoints: readonly string[];
  readonly user: UserRequirement;
  /** Accepted kinds of workload identity; `certificate` alone by default. */
  readonly assurance: readonly Assurance[];
  /** `reject` (default) refuses `;` parameters in a path segment: backends differ in what they make of them (X34). */
  readonly pathParameters: 'reject' | 'keep';
  readonly mode: 'enforce' | 'observe';
  /** Only with `observe`: at most 30 days after the release was made. */
  readonly observeUntilMs?: number;
  readonly whenStale: StaleRule;
  readonly feedStaleAfterSeconds: number;
  /** IANA time zone for `context.local`; UTC when absent. */
  readonly timeZone?: string;
  readonly routes: readonly Route[];
  /** Upstream gets the decided identity in headers (`x-postern-…`) on allow. */
  readonly identityHeaders: boolean;
}

export interface Route {
  /** Cedar action id without the service's name, such as `refund`. */
  readonly action: string;
  readonly methods: readonly string[];
  /** `/refunds/{id}`: literal segments and one-segment parameters; a last `{name*}` takes the rest. */
  readonly path: string;
  /** Action groups: `read`, `write` or the service's own. */
  readonly groups: readonly string[];
  readonly user?: UserRequirement;
}

export interface Team {
  readonly name: string;
  readonly parent?: string;
}

export interface WorkloadGroup {
  readonly name: string;
  readonly spiffeIds: readonly string[];
}

/** An OpenID provider whose tokens name users. Its keys are facts of the feed, not part of the release. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** JOSE algorithms, fixed per issuer (RFC 8725 3.1). */
  readonly algorithms: readonly string[];
  readonly tokens: readonly ('access-token' | 'id-token')[];
  readonly groupsClaim?: string;
  /** Provider's group → Postern's group; groups not named here do not count. */
  readonly groups: { readonly [providerGroup: string]: string };
  /** Claim that names the user's device, when this provider vouches for one. */
  readonly deviceClaim?: string;
}
