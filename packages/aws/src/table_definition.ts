/**
 * The one DynamoDB table of a deployment, as data: the CDK construct and the tests create it from here, and the adapter
 * reads its names from here, so that the three cannot drift apart.
 */
export const TABLE_DEFINITION = {
  partitionKey: { name: 'pk', type: 'S' },
  sortKey: { name: 'sk', type: 'S' },
  /** Whole seconds since the epoch. A single `$` marks our own attributes; a caller's are written with a second one. */
  timeToLiveAttribute: '$expiresAtSeconds',
  billingMode: 'PAY_PER_REQUEST',
  /** Entries and feed entries exist nowhere else: a wrong delete must be undone from a backup. */
  isPointInTimeRecoveryOn: true,
  isDeletionProtected: true,
} as const;
