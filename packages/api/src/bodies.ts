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
  readonly parentId: string;
  readonly selectors: readonly string[];
  readonly ttlSeconds?: number;
  readonly dnsNames?: readonly string[];
  readonly hint?: string;
  readonly expiresAtMs?: number;
}

export interface CreateJoinTokenRequest {
  /** Becomes `spiffe://<trust domain>/postern/agent/<name>`. */
  readonly agentName: string;
  readonly ttlSeconds?: number;
}

export interface JoinTokenAnswer {
  /** Shown once; also carries what the agent pins (`encodeJoinToken`). */
  readonly token: string;
  readonly agentId: string;
  readonly expiresAtMs: number;
}

/** `POST /v1/admin/releases`: the policy repository's files by path. */
export interface PublishRequest {
  readonly files: { readonly [path: string]: string };
  readonly dryRun?: boolean;
}

export interface PublishAnswer {
  readonly published: boolean;
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
  /** `svid:<serial>`, `spiffe-id:<uri>`, `issuer:<key id>`, `user:<issuer>#<sub>`, `session:<id>` or `device:<id>`. */
  readonly subject: string;
  readonly reason: string;
  readonly expiresAtMs?: number;
}

export interface StatusAnswer {
  readonly trustDomain: string;
  readonly releaseNumber: number;
  readonly feedSequence: number;
  readonly epoch: string;
  readonly rootDigest: string;
  readonly controlPlane: ControlPlaneTrust;
}
