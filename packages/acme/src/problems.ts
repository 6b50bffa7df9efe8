/** What an ACME server refuses, as its clients are told (RFC 8555 6.7, RFC 9773 7.4): the one table. */
const PREFIX = 'urn:ietf:params:acme:error:';

export const ACME_PROBLEMS = {
  accountDoesNotExist: 400,
  alreadyReplaced: 409,
  alreadyRevoked: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badRevocationReason: 400,
  badSignatureAlgorithm: 400,
  connection: 400,
  dns: 400,
  externalAccountRequired: 403,
  incorrectResponse: 403,
  invalidContact: 400,
  malformed: 400,
  orderNotReady: 403,
  rateLimited: 429,
  rejectedIdentifier: 400,
  serverInternal: 503,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
} as const satisfies { readonly [type: string]: number };

export type AcmeProblemType = keyof typeof ACME_PROBLEMS;

/** A refusal on its way: what the client is told, and the exact reason for the record. */
export interface AcmeRefusal {
  readonly problem: AcmeProblemType;
  /** Stable kebab-case. */
  readonly reason: string;
  /** For the client. */
  readonly detail: string;
  /** In place of the table's. */
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  readonly headers?: { readonly [name: string]: string };
  /** RFC 8555 6.7.1, by DNS name. */
  readonly subproblems?: readonly {
    readonly problem: AcmeProblemType;
    readonly detail: string;
    readonly name: string;
  }[];
  readonly members?: { readonly [extension: string]: unknown };
}

export interface AcmeProblemDocument {
  readonly type: string;
  readonly detail: string;
  readonly status: number;
  readonly [extension: string]: unknown;
}

export function renderAcmeProblem(refusal: AcmeRefusal): AcmeProblemDocument {
  const { problem, detail, subproblems } = refusal;
  return {
    ...refusal.members,
    type: PREFIX + problem,
    detail,
    status: refusal.status ?? ACME_PROBLEMS[problem],
    ...(subproblems !== undefined && {
      subproblems: subproblems.map((each) => ({
        type: PREFIX + each.problem,
        detail: each.detail,
        identifier: { type: 'dns', value: each.name },
      })),
    }),
  };
}
