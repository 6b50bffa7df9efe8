/** Why a certificate is revoked, as lists say it (RFC 5280 5.3.1). 7 is not used; `removeFromCRL` belongs to delta lists. */
export const REASON_CODES = {
  unspecified: 0,
  'key-compromise': 1,
  'ca-compromise': 2,
  'affiliation-changed': 3,
  superseded: 4,
  'cessation-of-operation': 5,
  'certificate-hold': 6,
  'privilege-withdrawn': 9,
  'aa-compromise': 10,
} as const;

export type ReasonCode = keyof typeof REASON_CODES;

export const isReasonCode = (value: unknown): value is ReasonCode =>
  typeof value === 'string' && Object.hasOwn(REASON_CODES, value);
