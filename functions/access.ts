/**
 * What each function may use: keys, partitions of the table, folders of objects, secrets, and other functions' doors. One
 * table, from which the local wiring takes what it hands out (`restrict.ts`), the deployment its grants, and
 * ARCHITECTURE.md its picture. A function that is taken over can do what its row says, and nothing more.
 */
import type { MacKeyName, SigningKeyName, SuccessorKeyName } from '@postern/keys';

/** Partition keys of the table by what they hold (docs/storage.md); `*` ends a prefix. */
export const PARTITIONS = {
  entries: ['entry', 'entry-of#*', 'entry-identity'],
  'join-tokens': ['join-token'],
  lineages: ['lineage'],
  attestors: ['attestor'],
  federations: ['federation'],
  renewals: ['renewal'],
  'acme-keys': ['acme-key'],
  'acme-certificates': ['acme-certificate'],
  acme: ['acme-account', 'acme-account-key', 'acme-order#*', 'acme-replacement#*', 'acme-nonce#*', 'acme-rate'],
  proofs: ['proof#*'],
  feed: ['feed', 'feed-entry', 'fact#*'],
  issuers: ['issuers-certified'],
  authority: ['authority'],
  consumers: ['consumer'],
  'wanted-bundles': ['wanted-bundle'],
  issued: ['issued#*'],
  'list-slots': ['list-count', 'list-slot#*', 'list-partition'],
  'revocation-lists': ['revocation-list'],
  revocations: ['revocation-cursor'],
  trail: ['trail', 'trail-producer', 'trail-entry'],
  records: ['record-day#*', 'record-id#*'],
} as const satisfies { readonly [name: string]: readonly string[] };
export type PartitionName = keyof typeof PARTITIONS;

/** Folders of objects. Every object is written once. */
export const OBJECT_FOLDERS = { authority: 'authority/', releases: 'releases/', segments: 'segments/' } as const;
export type ObjectFolder = keyof typeof OBJECT_FOLDERS;

export type SecretName = 'posture-webhook';

export type FunctionName = keyof typeof ACCESS;

export interface Access {
  /** `public`: its public half only. */
  readonly signingKeys: { readonly [K in SigningKeyName]?: 'sign' | 'public' };
  /** Whose successors it makes. */
  readonly createsKeys?: readonly SuccessorKeyName[];
  readonly macKeys: readonly MacKeyName[];
  readonly reads: readonly PartitionName[];
  readonly writes: readonly PartitionName[];
  /** What is written stays, everywhere else. */
  readonly deletes?: readonly PartitionName[];
  readonly readsObjects: readonly ObjectFolder[];
  readonly writesObjects: readonly ObjectFolder[];
  readonly secrets: readonly SecretName[];
  /** Secrets that attestors' settings name, such as a token for a cluster's API server. */
  readonly attestorSecrets?: true;
  /** `public`: on the internet, and so authenticates by itself; `iam`: the platform lets only named roles in. */
  readonly door: 'public' | 'iam';
  /** Whether it asks `rotate` to certify keys that it made in its memory. */
  readonly asksRotate: boolean;
  /** Whether it asks `issue` for certificates that ACME clients asked it for. */
  readonly asksIssue?: true;
  /** Scheduled work, this often. */
  readonly tickMinutes?: number;
}

/** What it takes to leave records: a place in the trail, the index of it, and the segment itself. */
const RECORDS = {
  reads: ['trail'],
  writes: ['trail', 'records'],
  objects: ['segments'],
} as const satisfies { readonly [of: string]: readonly (PartitionName | ObjectFolder)[] };

/** Who the agents are that call: the roots they lead to, as `rotate` signed it, and what was revoked since. */
const AGENTS = {
  signingKeys: { assertion: 'public' },
  macKeys: ['facts'],
  reads: ['feed', 'authority'],
} as const;

export const ACCESS = {
  authorize: {
    signingKeys: { release: 'public' },
    macKeys: ['facts'],
    reads: ['feed', ...RECORDS.reads],
    writes: ['wanted-bundles', ...RECORDS.writes],
    readsObjects: ['releases', ...RECORDS.objects],
    writesObjects: RECORDS.objects,
    secrets: [],
    door: 'iam',
    asksRotate: true,
  },
  issue: {
    signingKeys: { ...AGENTS.signingKeys, issuer: 'sign', jwt: 'sign' },
    macKeys: [...AGENTS.macKeys, 'entries'],
    reads: [
      ...AGENTS.reads,
      'entries',
      'join-tokens',
      'lineages',
      'attestors',
      'renewals',
      'acme-keys',
      'acme-certificates',
      ...RECORDS.reads,
    ],
    writes: [
      // What an ACME client takes back.
      'feed',
      'join-tokens',
      'lineages',
      'proofs',
      'renewals',
      'consumers',
      'issued',
      'list-slots',
      'acme-keys',
      'acme-certificates',
      ...RECORDS.writes,
    ],
    readsObjects: ['authority', ...RECORDS.objects],
    writesObjects: RECORDS.objects,
    secrets: [],
    attestorSecrets: true,
    door: 'public',
    asksRotate: true,
  },
  // Fetches from wherever a name leads, and so holds no key that a certificate or a fact is made with.
  acme: {
    signingKeys: {},
    macKeys: ['acme'],
    reads: ['acme', ...RECORDS.reads],
    writes: ['acme', ...RECORDS.writes],
    readsObjects: RECORDS.objects,
    writesObjects: RECORDS.objects,
    secrets: [],
    door: 'public',
    asksRotate: true,
    asksIssue: true,
  },
  feed: {
    signingKeys: AGENTS.signingKeys,
    macKeys: AGENTS.macKeys,
    reads: [...AGENTS.reads, ...RECORDS.reads],
    writes: ['consumers', 'wanted-bundles', ...RECORDS.writes],
    readsObjects: ['releases', ...RECORDS.objects],
    writesObjects: RECORDS.objects,
    secrets: [],
    door: 'public',
    asksRotate: true,
  },
  trust: {
    signingKeys: { assertion: 'public' },
    macKeys: [],
    reads: ['authority', 'revocation-lists', ...RECORDS.reads],
    writes: RECORDS.writes,
    readsObjects: RECORDS.objects,
    writesObjects: RECORDS.objects,
    secrets: [],
    door: 'public',
    asksRotate: true,
  },
  signals: {
    signingKeys: {},
    macKeys: ['facts'],
    reads: ['feed', ...RECORDS.reads],
    writes: ['feed', ...RECORDS.writes],
    readsObjects: RECORDS.objects,
    writesObjects: RECORDS.objects,
    secrets: ['posture-webhook'],
    door: 'public',
    asksRotate: true,
  },
  ingest: {
    signingKeys: AGENTS.signingKeys,
    macKeys: AGENTS.macKeys,
    reads: [...AGENTS.reads, ...RECORDS.reads],
    writes: ['proofs', ...RECORDS.writes],
    readsObjects: RECORDS.objects,
    writesObjects: RECORDS.objects,
    secrets: [],
    door: 'iam',
    asksRotate: true,
  },
  admin: {
    signingKeys: { release: 'public', assertion: 'public' },
    macKeys: ['facts', 'entries'],
    reads: [
      'feed',
      'authority',
      'entries',
      'join-tokens',
      'attestors',
      'federations',
      'issued',
      'acme-keys',
      ...RECORDS.reads,
    ],
    writes: ['feed', 'entries', 'join-tokens', 'attestors', 'federations', 'acme-keys', ...RECORDS.writes],
    deletes: ['entries', 'attestors', 'federations', 'acme-keys'],
    readsObjects: RECORDS.objects,
    writesObjects: RECORDS.objects,
    secrets: [],
    door: 'iam',
    asksRotate: true,
  },
  publish: {
    signingKeys: { release: 'sign' },
    macKeys: ['facts'],
    reads: ['feed', 'federations', 'wanted-bundles', ...RECORDS.reads],
    writes: ['feed', ...RECORDS.writes],
    readsObjects: ['releases', ...RECORDS.objects],
    writesObjects: ['releases', ...RECORDS.objects],
    secrets: [],
    door: 'iam',
    asksRotate: true,
    tickMinutes: 1,
  },
  audit: {
    signingKeys: {},
    macKeys: [],
    reads: ['trail', 'records'],
    writes: RECORDS.writes,
    readsObjects: RECORDS.objects,
    writesObjects: RECORDS.objects,
    secrets: [],
    door: 'iam',
    asksRotate: true,
  },
  rotate: {
    // With `issuer` it signs lists alone (docs/decisions/0017); by the root it could make an issuer of its own.
    signingKeys: { root: 'sign', issuer: 'sign', jwt: 'public', assertion: 'sign' },
    createsKeys: ['root', 'issuer', 'jwt'],
    macKeys: ['facts'],
    reads: [
      'feed',
      'issuers',
      'authority',
      'consumers',
      'issued',
      'list-slots',
      'revocation-lists',
      'revocations',
      ...RECORDS.reads,
    ],
    writes: ['feed', 'issuers', 'authority', 'revocation-lists', 'revocations', ...RECORDS.writes],
    readsObjects: ['authority', ...RECORDS.objects],
    writesObjects: ['authority', ...RECORDS.objects],
    secrets: [],
    door: 'iam',
    asksRotate: false,
    tickMinutes: 1,
  },
} as const satisfies { readonly [name: string]: Access };

export const FUNCTION_NAMES = Object.keys(ACCESS) as FunctionName[];

/** The row, widened so that optional columns can be read of any function. */
export function accessOf(name: FunctionName): Access {
  return ACCESS[name];
}
