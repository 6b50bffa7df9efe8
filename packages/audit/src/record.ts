/**
 * What is recorded: one versioned union, one member per kind of event. A record says who, what, the outcome and why; it
 * never holds a token, a key, a query string or a header's value.
 */
export type AuditRecord = RecordHeader & RecordBody;

export interface RecordHeader {
  readonly v: 1;
  /** UUIDv7; a decision's is the id that its caller was told. */
  readonly id: string;
  /** Whose record it is; with `number` its place, from 1 without gaps. */
  readonly producer: string;
  readonly number: number;
  readonly atMs: number;
}

export type RecordKind = RecordBody['kind'];

export type RecordBody =
  | DecisionRecord
  | IssuanceRecord
  | JwtIssuanceRecord
  | JoinRecord
  | IssuerCertifiedRecord
  | RolloverStepRecord
  | RegistrationRecord
  | AcmeRecord
  | ReleaseRecord
  | AdministratorRecord
  | SignalRecord
  | RevocationRecord
  | RevocationListRecord
  | RefusalRecord
  | ReleaseActivatedRecord
  | PostureChangedRecord
  | ProducerOpenedRecord
  | ProducerClosedRecord
  | DropRecord;

export interface DecisionRecord {
  readonly kind: 'decision';
  readonly outcome: 'allow' | 'deny' | 'challenge';
  readonly reason: string;
  /** For operators: which rule exactly; never a value from the request that could be secret. */
  readonly detail?: string;
  readonly service: string;
  readonly action?: string;
  readonly method: string;
  /** Canonical path, without query. */
  readonly path?: string;
  readonly host: string;
  readonly enforcementPoint: string;
  readonly assurance?: string;
  readonly workload?: { readonly spiffeId: string; readonly serial?: string; readonly issuerKeyId?: string };
  readonly user?: { readonly issuer: string; readonly subject: string };
  readonly device?: { readonly id: string };
  readonly parties: readonly {
    readonly kind: string;
    readonly principal: string;
    readonly outcome: string;
    /** Ids of the policies that determined it. */
    readonly policies: readonly string[];
    readonly errors: readonly string[];
  }[];
  readonly releaseNumber: number;
  readonly feedSequence: number;
  readonly validUntilMs: number;
  readonly mode: 'enforce' | 'observe';
  /** Let through although `enforce` would have denied. */
  readonly observed: boolean;
  readonly latencyUs: number;
  /** SHA-256 of the canonical inputs, hex: with the inputs at hand, the decision can be made again. */
  readonly inputsDigest?: string;
}

export interface IssuanceRecord {
  readonly kind: 'issuance-begin' | 'issuance-complete' | 'issuance-failed';
  readonly spiffeId: string;
  /** What decided who signs, and how long it lasts. */
  readonly profile?: string;
  /** SHA-256 of the TBSCertificate, hex. */
  readonly tbsDigest?: string;
  readonly serial: string;
  readonly dnsNames: readonly string[];
  /** By the DNS names alone: issued for the SPIFFE ID, which it does not have. */
  readonly isServer?: true;
  readonly keyThumbprint: string;
  readonly issuerKeyId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly requester: string;
  readonly entryId?: string;
  /** What was verified of a workload that showed a proof of its own. */
  readonly selectors?: readonly string[];
  /** With `issuance-failed`. */
  readonly reason?: string;
}

/** A JWT-SVID, recorded before it is signed; never the token. `jwt-failed` takes back the `jwt-issued` of the same token. */
export interface JwtIssuanceRecord {
  readonly kind: 'jwt-issued' | 'jwt-failed';
  /** The token's `jti`. */
  readonly tokenId: string;
  readonly spiffeId: string;
  readonly audience: readonly string[];
  readonly keyId: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly requester: string;
  readonly entryId?: string;
  /** With `jwt-failed`. */
  readonly reason?: string;
}

export interface JoinRecord {
  readonly kind: 'join';
  readonly agentId: string;
  readonly serial: string;
}

export interface IssuerCertifiedRecord {
  readonly kind: 'issuer-certified';
  readonly keyId: string;
  readonly serial: string;
  readonly notAfterMs: number;
  /** Base64 DER. */
  readonly certificate: string;
}

/** Recorded before the state of the authority is written: it may tell of a step that was then lost to another. */
export interface RolloverStepRecord {
  readonly kind: 'rollover-step';
  readonly step: string;
  readonly key?: string;
  readonly generation?: number;
  /** Of the state that the step leads to. */
  readonly sequence: number;
  /** `rotate`, or who had it done. */
  readonly by: string;
  /** Of what was done against the rule. */
  readonly reason?: string;
}

export interface RegistrationRecord {
  readonly kind: 'entry-created' | 'entry-updated' | 'entry-deleted';
  readonly entryId: string;
  readonly spiffeId: string;
  readonly parentId: string;
  readonly selectors: readonly string[];
  /** Of `entry-updated`: the entry’s number of changes, and the members that are not as they were. */
  readonly revision?: number;
  readonly changed?: readonly string[];
  readonly by: string;
}

/** What an ACME account did, or what became of its challenge; what is issued has its own records. */
export interface AcmeRecord {
  readonly kind: 'acme-account' | 'acme-order' | 'acme-challenge';
  readonly event: 'created' | 'updated' | 'deactivated' | 'key-changed' | 'valid' | 'invalid';
  readonly accountId: string;
  /** Of the administrator's key that bound it. */
  readonly keyId: string;
  readonly entryId: string;
  readonly orderId?: string;
  readonly dnsNames?: readonly string[];
  /** Of an account's key, RFC 7638. */
  readonly keyThumbprint?: string;
  /** Of what is invalid. */
  readonly reason?: string;
}

export interface ReleaseRecord {
  readonly kind: 'release-published';
  readonly releaseNumber: number;
  readonly digest: string;
  readonly contentDigest: string;
  readonly by: string;
}

export interface AdministratorRecord {
  readonly kind: 'administrator-action';
  readonly action: string;
  readonly subject: string;
  readonly by: string;
}

export interface SignalRecord {
  readonly kind: 'signal-received';
  readonly source: string;
  readonly subject: string;
  readonly outcome: 'applied' | 'refused';
  readonly reason: string;
}

export interface RevocationRecord {
  readonly kind: 'revocation';
  readonly subject: string;
  readonly reason: string;
  /** Given back. */
  readonly lifted?: boolean;
  readonly by: string;
}

/** Recorded before it is stored. */
export interface RevocationListRecord {
  readonly kind: 'revocation-list';
  /** Issuer key id, `#`, and number of the partition. */
  readonly list: string;
  /** Its CRL number. */
  readonly listNumber: number;
  readonly entries: number;
  /** SHA-256 of the list, hex. */
  readonly digest: string;
}

/** Calls that a door refused. */
export interface RefusalRecord {
  readonly kind: 'refusal';
  readonly door: string;
  readonly reason: string;
  readonly caller?: string;
  /** How often since the last such record; repeats are counted, not recorded one by one. */
  readonly count: number;
}

/** A decision point decides by this release from now on. */
export interface ReleaseActivatedRecord {
  readonly kind: 'release-activated';
  readonly releaseNumber: number;
  readonly digest: string;
  readonly by: string;
}

export interface PostureChangedRecord {
  readonly kind: 'posture-changed';
  readonly deviceId: string;
  readonly source: string;
  readonly compliant: boolean;
  readonly managed: boolean;
  readonly observedAtMs: number;
}

/** Why a producer's key may be believed: a certificate by the assertion key, or the SVID of the agent that made it. */
export interface ProducerVoucher {
  readonly kind: 'assertion' | 'svid';
  /** Compact JWS of `producer_certificate.ts`, or the SVID as base64 DER. */
  readonly certificate: string;
  readonly owner: string;
}

/** A producer's first record. */
export interface ProducerOpenedRecord {
  readonly kind: 'producer-opened';
  readonly voucher: ProducerVoucher;
  readonly mode: 'strict' | 'batched';
}

/** A producer's last record: whatever claims to come after it is forged. */
export interface ProducerClosedRecord {
  readonly kind: 'producer-closed';
  /** Records that were counted and not kept, in all. */
  readonly dropped: number;
}

/** Records that could not be kept, counted where they are missing. */
export interface DropRecord {
  readonly kind: 'drop';
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}
