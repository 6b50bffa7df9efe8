/** What a reason means to an ACME client. The client is told what it can do about; the exact reason goes to the record. */
import type { AcmeProblemType, AcmeRefusal } from '@postern/acme';

type Row = readonly [problem: AcmeProblemType, detail: string];

const NO_BINDING: Row = [
  'unauthorized',
  'the external account binding is not by a key of this server that can still be used',
];
const NO_ENTRY: Row = ['unauthorized', 'the registration entry that this account is for grants it nothing now'];
const LATER: Row = ['serverInternal', 'certificates cannot be had now'];

const ROWS: { readonly [reason: string]: Row } = {
  'eab-malformed': ['malformed', 'the external account binding is malformed'],
  'eab-url': ['malformed', 'the external account binding is for another URL'],
  'eab-account-key': ['malformed', 'the external account binding is for another account key'],
  'eab-key-unknown': NO_BINDING,
  'eab-signature': NO_BINDING,
  'acme-key-unknown': NO_BINDING,
  'acme-key-used': NO_BINDING,
  'acme-key-expired': NO_BINDING,
  'entry-unknown': NO_ENTRY,
  'entry-unfit': NO_ENTRY,
  'issuance-revoked': NO_ENTRY,
  'key-change-malformed': ['malformed', 'the change of the key is malformed'],
  'key-change-signature': ['malformed', 'the change of the key is not signed by both keys'],
  'key-change-account': ['malformed', 'the change of the key is for another account or another old key'],
  'key-changes-too-many': ['unauthorized', 'this account has changed its key too often: make another'],
  'account-changed': ['malformed', 'the account was changed by another request at the same time'],
  'jws-form': ['malformed', 'the request is no flattened JWS of three members'],
  'jws-header': ['malformed', 'the protected header needs `alg`, `nonce`, `url` and one of `jwk` and `kid`'],
  'jws-key': ['badPublicKey', 'the key cannot sign with this algorithm, or is too weak'],
  'jws-signature': ['malformed', 'the signature is not by this key'],
  'jws-url': ['unauthorized', 'the request is signed for another URL'],
  'jws-account': ['unauthorized', 'the request is signed for another account'],
  'request-used': ['malformed', 'the request was served already'],
  'already-revoked': ['alreadyRevoked', 'the certificate is revoked already'],
  'revocation-reason': ['badRevocationReason', 'the reason is 0, 1, 3, 4, 5 or 9'],
  'certificate-unknown': ['malformed', 'the certificate is none of this server, or has ended'],
  'certificate-of-another': ['unauthorized', 'the certificate is of another account, and of another key'],
  'authority-unavailable': LATER,
  'issuer-life-too-short': LATER,
  'feed-unavailable': LATER,
  'order-busy': LATER,
};

const RETRY_AFTER_SECONDS = 5;

/** `reason`: stable, kebab-case. A reason that is not known here is a fault of ours, or a CSR's. */
export function refusalOf(reason: string): AcmeRefusal {
  const [problem, detail] = ROWS[reason] ?? (reason.startsWith('csr-') ? csrRow(reason) : rowOf(reason));
  return { problem, reason, detail, ...(problem === 'serverInternal' && { retryAfterSeconds: RETRY_AFTER_SECONDS }) };
}

const csrRow = (reason: string): Row => ['badCSR', `the certification request cannot be certified: ${reason}`];
const rowOf = (reason: string): Row =>
  reason.startsWith('certificate-')
    ? ['malformed', 'the certificate cannot be read']
    : ['serverInternal', 'this failed'];

export const malformed = (reason: string, detail: string): AcmeRefusal => ({ problem: 'malformed', reason, detail });

/** Of another account too: to this one it is not there. */
export const notFound = (reason: string): AcmeRefusal => ({
  problem: 'malformed',
  reason,
  detail: 'there is nothing here for this account',
  status: 404,
});
