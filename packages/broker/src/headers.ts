/** What happens to a request's headers on the way to the upstream once it is allowed. */
import type { Obligation } from './decision.ts';
import type { Parties } from './outcome.ts';
import type { CheckRequest } from './request.ts';

/**
 * Headers that speak for Postern. An upstream may believe them, so a client's copy never survives: each is set by us or
 * removed, on every allow and for every service (X15, X25).
 */
export const IDENTITY_HEADERS = [
  'x-postern-user',
  'x-postern-user-groups',
  'x-postern-workload',
  'x-postern-decision-id',
] as const;
type IdentityHeader = (typeof IDENTITY_HEADERS)[number];

/**
 * Names that templates and renderers use besides; a client's copy of these is removed too. Any other `x-postern-`
 * header that came along is removed by the name it came with.
 */
const OUR_OTHER_HEADERS = [
  'x-postern-service',
  'x-postern-method',
  'x-postern-target',
  'x-postern-authority',
  'x-postern-scheme',
  'x-postern-peer-certificate',
  'x-postern-peer-uri',
  'x-postern-source-address',
  'x-postern-request-id',
  'postern-decision-id',
] as const;

/**
 * The header obligations of an allow. `showsIdentity`: the service asks for identity headers and the decision is a real
 * allow (one that `observe` let through shows nobody). `takesUserCredential`: the user was established from
 * `authorization`, which therefore ends here: the upstream never sees the user's own credential.
 * A header is either set or removed, never both: Envoy applies removals last.
 */
export function createHeaderObligations(input: {
  readonly request: CheckRequest;
  readonly decisionId: string;
  readonly showsIdentity: boolean;
  readonly takesUserCredential: boolean;
  readonly parties: Parties;
}): readonly Obligation[] {
  const { workload, user } = input.parties;
  const values: { readonly [K in IdentityHeader]?: string } = input.showsIdentity
    ? {
        'x-postern-decision-id': input.decisionId,
        ...(workload !== undefined && { 'x-postern-workload': workload.spiffeId }),
        ...(user !== undefined && {
          'x-postern-user': `${encodeHeaderText(user.issuer)}#${encodeHeaderText(user.subject)}`,
          'x-postern-user-groups': user.groups.map(encodeHeaderText).join(','),
        }),
      }
    : {};
  const removed = new Set<string>(OUR_OTHER_HEADERS);
  for (const name of IDENTITY_HEADERS) if (values[name] === undefined) removed.add(name);
  for (const [name] of input.request.headers) {
    if (name.startsWith('x-postern-') && values[name as IdentityHeader] === undefined) removed.add(name);
  }
  if (input.takesUserCredential) removed.add('authorization').add('dpop');
  return [
    ...Object.entries(values).map(([name, value]): Obligation => ({ kind: 'set-header', name, value })),
    ...[...removed].map((name): Obligation => ({ kind: 'remove-header', name })),
  ];
}

/**
 * Percent-encodes (UTF-8) what may not stand in a header or would be read as one of our separators, so that a subject
 * such as `a#b` or a group with a comma cannot be taken for another. Letters of addresses and URLs stay readable.
 */
export function encodeHeaderText(text: string): string {
  return text.replace(/[^\x21\x22\x24\x26-\x2b\x2d-\x7e]+/gu, (part) =>
    Array.from(Buffer.from(part, 'utf8'), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
