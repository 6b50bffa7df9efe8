/** Every door of the control plane, in one place: functions route by it, agents and the command line call it. */
export const PATHS = {
  trustBundle: '/v1/trust-bundle',
  /** Where OpenID Connect Discovery 1.0 (4) looks for it, below the issuer. */
  openidConfiguration: '/.well-known/openid-configuration',
  jwks: '/v1/jwks',
  /** Of one partition of one issuer's certificates; in them by its whole URI. */
  revocationList: (issuerKeyId: string, number: number | string) => `/v1/crl/${issuerKeyId}/${number}`,
  agentJoin: '/v1/agents/join',
  agentRenew: '/v1/agents/renew',
  agentEntries: '/v1/agents/entries',
  svids: '/v1/svids',
  /** For workloads without an agent: a proof of a platform, and a certification request. */
  svidsAttested: '/v1/svids/attested',
  /** The same, where the call itself is the proof: IAM lets it in. */
  svidsAwsIam: '/v1/svids/aws-iam',
  jwtSvids: '/v1/jwt-svids',
  feed: '/v1/feed',
  release: (number: number | ':number') => `/v1/releases/${number}`,
  segments: '/v1/audit/segments',
  posture: (source: string) => `/v1/signals/posture/${source}`,
  health: '/v1/health',
  /** RFC 8555 7.1 and RFC 9773: what ACME clients are led to by the directory. */
  acme: {
    directory: '/acme/directory',
    newNonce: '/acme/new-nonce',
    newAccount: '/acme/new-account',
    newOrder: '/acme/new-order',
    revokeCert: '/acme/revoke-cert',
    keyChange: '/acme/key-change',
    renewalInfo: '/acme/renewal-info',
    renewal: (certificate: string) => `/acme/renewal-info/${certificate}`,
    /** For people: why a certificate should be renewed now. */
    explanation: '/acme/renewal-explained',
    account: (id: string) => `/acme/account/${id}`,
    orders: (accountId: string) => `/acme/orders/${accountId}`,
    order: (id: string) => `/acme/order/${id}`,
    finalize: (orderId: string) => `/acme/finalize/${orderId}`,
    authorization: (orderId: string, index: string) => `/acme/authorization/${orderId}/${index}`,
    challenge: (orderId: string, index: string) => `/acme/challenge/${orderId}/${index}`,
    certificate: (orderId: string) => `/acme/certificate/${orderId}`,
  },
  /** The function `acme`'s alone, at `issue`. */
  acmeAuthority: '/v1/acme/authority',
  /** Other functions' alone: `rotate` certifies keys that they made in their memory. */
  keys: {
    issuer: '/v1/keys/issuer',
    feed: '/v1/keys/feed',
    producer: '/v1/keys/producer',
    authority: '/v1/keys/authority',
    revocations: '/v1/keys/revocations',
    revocationList: '/v1/keys/revocation-list',
  },
  admin: {
    entries: '/v1/admin/entries',
    entry: (id: string) => `/v1/admin/entries/${id}`,
    joinTokens: '/v1/admin/join-tokens',
    federations: '/v1/admin/federations',
    federation: (trustDomain: string) => `/v1/admin/federations/${trustDomain}`,
    acmeKeys: '/v1/admin/acme-keys',
    acmeKey: (id: string) => `/v1/admin/acme-keys/${id}`,
    attestors: '/v1/admin/attestors',
    attestor: (name: string) => `/v1/admin/attestors/${name}`,
    releases: '/v1/admin/releases',
    rollback: '/v1/admin/releases/rollback',
    records: '/v1/admin/audit/records',
    record: (id: string) => `/v1/admin/audit/records/${id}`,
    trail: '/v1/admin/audit/trail',
    revocations: '/v1/admin/revocations',
    authority: '/v1/admin/authority',
    status: '/v1/admin/status',
  },
} as const;
