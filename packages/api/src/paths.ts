/** Every door of the control plane, in one place: functions route by it, agents and the command line call it. */
export const PATHS = {
  trustBundle: '/v1/trust-bundle',
  agentJoin: '/v1/agents/join',
  agentRenew: '/v1/agents/renew',
  agentEntries: '/v1/agents/entries',
  svids: '/v1/svids',
  feed: '/v1/feed',
  release: (number: number | ':number') => `/v1/releases/${number}`,
  segments: '/v1/audit/segments',
  posture: (source: string) => `/v1/signals/posture/${source}`,
  health: '/v1/health',
  /** Other functions' alone: `rotate` certifies keys that they made in their memory. */
  keys: {
    issuer: '/v1/keys/issuer',
    feed: '/v1/keys/feed',
    producer: '/v1/keys/producer',
  },
  admin: {
    entries: '/v1/admin/entries',
    entry: (id: string) => `/v1/admin/entries/${id}`,
    joinTokens: '/v1/admin/join-tokens',
    releases: '/v1/admin/releases',
    rollback: '/v1/admin/releases/rollback',
    records: '/v1/admin/audit/records',
    record: (id: string) => `/v1/admin/audit/records/${id}`,
    trail: '/v1/admin/audit/trail',
    revocations: '/v1/admin/revocations',
    status: '/v1/admin/status',
  },
} as const;
