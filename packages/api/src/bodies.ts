/** Bodies of the control plane's doors, as JSON. Bytes are base64, times milliseconds since the epoch. */

/** Base64 (RFC 4648 4) of DER. */
export type Base64Der = string;
export type Jwk = { readonly [name: string]: string };

/** What an agent pins when it joins; carried by the join token so that the first call is authenticated too. */
export interface ControlPlaneTrust {
  readonly trustDomain: string;
  /** Origin of the public doors, such as `http://127.0.0.1:8440`. */
  readonly url: string;
  /** SHA-256 of the root certificate's DER, hex. */
  readonly rootDigest: string;
  readonly releaseKeys: readonly Jwk[];
  readonly assertionKeys: readonly Jwk[];
  /** Where segments go, when that door is apart from `url`. */
  readonly ingest?: IngestDoor;
}

/** A door that IAM guards: calls are signed with AWS Signature Version 4 for the service `lambda`, besides their proof. */
export interface IngestDoor {
  /** An origin, and a path where there is one, without a `/` at its end. The proof's audience stays that of the public doors. */
  readonly url: string;
  /** AWS Region, such as `eu-central-1`: part of the signature. */
  readonly region: string;
}

export interface JoinRequest {
  readonly token: string;
  readonly csr: Base64Der;
}

/** The same for a node that its platform vouches for. */
export interface ProvenJoinRequest {
  readonly attestor: string;
  readonly proof: string;
  readonly csr: Base64Der;
}

export interface IssuedSvid {
  readonly spiffeId: string;
  /** Leaf first, then issuers; never the root. */
  readonly chain: readonly Base64Der[];
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Answer to join and renew. */
export interface AgentIdentity extends IssuedSvid {
  /** SPIFFE bundle document, JSON text. */
  readonly trustBundle: string;
  /** The state of the authority: compact JWS by the assertion key; absent from a control plane that keeps none. */
  readonly authority?: string;
}

export interface RenewRequest {
  readonly csr: Base64Der;
}

/** A registration entry as its agent sees it. */
export interface AgentEntry {
  readonly id: string;
  readonly revision: number;
  readonly spiffeId: string;
  readonly selectors: readonly string[];
  readonly hint: string;
  readonly ttlSeconds: number;
  readonly dnsNames: readonly string[];
  /** Trust domains whose bundles its workloads are given; absent from a control plane that knows of none. */
  readonly federatesWith?: readonly string[];
}

export interface AgentEntries {
  readonly entries: readonly AgentEntry[];
}

export interface SvidRequest {
  readonly entryId: string;
  readonly csr: Base64Der;
}

export const MAX_SVIDS_PER_REQUEST = 50;

export interface SvidsRequest {
  readonly requests: readonly SvidRequest[];
}

export interface SvidsAnswer {
  readonly svids: readonly (IssuedSvid & { readonly entryId: string })[];
  readonly refused: readonly { readonly entryId: string; readonly reason: string }[];
}

export interface JwtSvidRequest {
  readonly entryId: string;
  /** Services that the token is for: 1 to 10 texts without spaces, each at most 512 characters. */
  readonly audience: readonly string[];
}

export interface JwtSvidsRequest {
  /** At most `MAX_SVIDS_PER_REQUEST`. */
  readonly requests: readonly JwtSvidRequest[];
}

export interface JwtSvidAnswer {
  readonly spiffeId: string;
  readonly audience: readonly string[];
  /** Compact serialization. A secret until it expires. */
  readonly token: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export interface JwtSvidsAnswer {
  readonly svids: readonly (JwtSvidAnswer & { readonly entryId: string })[];
  readonly refused: readonly { readonly entryId: string; readonly reason: string }[];
}

/** `POST /v1/svids/attested` and `/v1/svids/aws-iam`. */
export interface AttestedSvidsRequest {
  /** Name of the attestor instance that the proof is for. */
  readonly attestor: string;
  /** Token, document or secret of its kind; absent where the call itself is the proof. */
  readonly proof?: string;
  readonly csr: Base64Der;
  /** One of several that the caller is entitled to; all when absent. */
  readonly spiffeId?: string;
  /** Then each SVID comes with a JWT-SVID for these services. */
  readonly jwtAudience?: readonly string[];
}

export interface AttestedSvidsAnswer {
  readonly svids: readonly (IssuedSvid & { readonly entryId: string })[];
  readonly jwtSvids?: readonly (JwtSvidAnswer & { readonly entryId: string })[];
  readonly refused: readonly { readonly entryId: string; readonly reason: string }[];
  /** SPIFFE bundle document, JSON text. */
  readonly trustBundle: string;
}

/** `POST /v1/audit/segments`: compact JWS segments of one producer, in order. */
export interface SegmentsRequest {
  /** SPIFFE ID of the agent, `#`, and an id of this run of it. */
  readonly producer: string;
  /** Public key that the segments are verified with; certified on the first call. */
  readonly key: Jwk;
  readonly segments: readonly string[];
}

export interface SegmentsAnswer {
  /** Last record number of this producer that is durable here. */
  readonly acknowledged: number;
}

export interface CreateEntryRequest {
  readonly spiffeId: string;
  /** An agent, or an attestor instance; at that, SPIFFE ID and DNS names may have placeholders (docs/entries.md). */
  readonly parentId: string;
  readonly selectors: readonly string[];
  readonly ttlSeconds?: number;
  readonly jwtTtlSeconds?: number;
  readonly dnsNames?: readonly string[];
  readonly federatesWith?: readonly string[];
  readonly hint?: string;
  readonly profile?: string;
  /** The template need not name its attestor: workloads of another one may be given the same names. */
  readonly isTemplateShared?: boolean;
  /** Of the file that it is kept in. */
  readonly owner?: string;
  readonly expiresAtMs?: number;
}

/** `PUT /v1/admin/entries/:id`: takes the place of all that the entry was, if it is still at that revision. */
export interface UpdateEntryRequest extends CreateEntryRequest {
  readonly revision: number;
}

export interface EntryAnswer extends CreateEntryRequest {
  readonly id: string;
  readonly revision: number;
  readonly createdAtMs: number;
  readonly updatedAtMs?: number;
}

export interface EntriesAnswer {
  readonly entries: readonly EntryAnswer[];
  /** A page may be short, or empty, and still have one: then there may be more. */
  readonly next?: string;
}

export interface CreateJoinTokenRequest {
  /** Becomes `spiffe://<trust domain>/postern/agent/<name>`. */
  readonly agentName: string;
  readonly ttlSeconds?: number;
}

/** A token for a workload of a machine that no platform vouches for. */
export interface CreateAttestorTokenRequest {
  /** An instance of kind `join-token`. */
  readonly attestor: string;
  /** What the bearer is called: one path segment, and the selector `join:name:NAME`. */
  readonly name: string;
  readonly ttlSeconds?: number;
}

export interface JoinTokenAnswer {
  /** Shown once; also carries what the agent pins (`encodeJoinToken`). */
  readonly token: string;
  readonly agentId: string;
  readonly expiresAtMs: number;
}

export interface AttestorTokenAnswer {
  /** Shown once: the proof itself. */
  readonly token: string;
  readonly attestor: string;
  readonly name: string;
  readonly expiresAtMs: number;
}

/** `POST /v1/admin/attestors`: a kind and its settings, which differ from kind to kind (docs/attestation.md). */
export interface CreateAttestorRequest {
  readonly name: string;
  readonly kind: string;
  readonly makes: string;
  /** Checked, and not made. */
  readonly dryRun?: boolean;
  readonly [setting: string]: unknown;
}

export interface AttestorAnswer {
  readonly name: string;
  readonly kind: string;
  readonly makes: string;
  readonly createdAtMs?: number;
}

export interface AttestorsAnswer {
  readonly attestors: readonly AttestorAnswer[];
}

/** `GET /v1/admin/federations`. */
export interface FederationsAnswer {
  readonly federations: readonly FederationAnswer[];
}

export interface FederationAnswer {
  readonly trustDomain: string;
  readonly url: string;
  readonly profile: string;
  readonly endpointSpiffeId?: string;
  readonly createdAtMs: number;
  /** When the bundle in force was fetched, and until when it counts; absent while there is none. */
  readonly bundleObservedAtMs?: number;
  readonly bundleExpiresAtMs?: number;
}

/** `GET /v1/admin/acme-keys`. */
export interface AcmeKeysAnswer {
  readonly keys: readonly AcmeKeyAnswer[];
}

export interface AcmeKeyAnswer {
  readonly id: string;
  readonly entryId: string;
  readonly createdAtMs: number;
  /** Until when an account can be made with it. */
  readonly usableUntilMs: number;
  /** Whether an account was. */
  readonly isUsed: boolean;
}

/** `POST /v1/admin/acme-keys`. */
export interface CreateAcmeKeyRequest {
  readonly entryId: string;
  readonly ttlSeconds?: number | undefined;
}

export interface CreatedAcmeKeyAnswer extends AcmeKeyAnswer {
  /** Base64url; shown this once. */
  readonly hmacKey: string;
  readonly directory: string;
  readonly spiffeId: string;
  /** That can be ordered. */
  readonly dnsNames: readonly string[];
  /** Whether certificates hold the SPIFFE ID, or the DNS names alone. */
  readonly isSvid: boolean;
}

/** `POST /v1/admin/releases`: the policy repository's files by path. */
export interface PublishRequest {
  readonly files: { readonly [path: string]: string };
  readonly dryRun?: boolean;
  /** Makes a new release also of what the one in force says already. */
  readonly force?: boolean;
}

export interface PublishAnswer {
  readonly published: boolean;
  /** The release in force says the same already: `number` and `digest` are its own, and nothing was published. */
  readonly unchanged?: boolean;
  readonly number: number;
  readonly digest: string;
  readonly policies: number;
  readonly services: number;
  readonly warnings: readonly unknown[];
}

export interface RollbackRequest {
  /** Number of the earlier release whose content is published anew. */
  readonly to: number;
}

export interface RevokeRequest {
  /**
   * `svid:<serial>`, `spiffe-id:<uri>`, `entry:<id>`, `agent:<name or uri>`, `issuer:<key id>`, `user:<issuer>#<sub>`,
   * `session:<id>` or `device:<id>`.
   */
  readonly subject: string;
  readonly reason: string;
  /** As revocation lists say it. */
  readonly reasonCode?: string;
  readonly expiresAtMs?: number;
  /** Gives back: an entry, an agent, a device, or what was on hold. */
  readonly lift?: boolean;
  readonly dryRun?: boolean;
}

export interface RevocationAnswer {
  readonly subject: string;
  /** Of the feed; absent from a dry run. */
  readonly sequence?: number;
  /** Live SVIDs under the entry, or that the agent fetched; at most 10,000 are counted. */
  readonly svids?: number;
  /** Whether each of them is revoked and lists are made anew; else the next minute's work does it. */
  readonly isApplied?: boolean;
  readonly lifted?: boolean;
  readonly dryRun?: boolean;
}

/** `GET /v1/admin/revocations`. */
export interface RevocationsAnswer {
  readonly revocations: readonly {
    readonly subject: string;
    readonly reason: string;
    readonly reasonCode?: string;
    readonly revokedAtMs: number;
    readonly expiresAtMs: number;
  }[];
  readonly next?: string;
}

export interface StatusAnswer {
  readonly trustDomain: string;
  readonly releaseNumber: number;
  readonly feedSequence: number;
  readonly epoch: string;
  readonly rootDigest: string;
  readonly controlPlane: ControlPlaneTrust;
}
