/** Every reason a decision can have, with its answer on the wire and what the operator does. The one table of them. */
import type { EngineReason } from '@postern/policy-engine';
import type { ClientAnswer, Obligation } from './decision.ts';
import type { EnforcementPointReason } from './enforcement_point.ts';
import type { EstablishUserReason } from './establish_user.ts';
import type { EstablishWorkloadReason } from './establish_workload.ts';
import type { CheckReadReason } from './http_check.ts';
import type { RequestBoundsReason } from './request_bounds.ts';
import type { RouteToActionReason } from './route_to_action.ts';

export type DecisionReason =
  | Exclude<EngineReason, 'service-unknown' | 'action-unknown'>
  | CheckReadReason
  | RequestBoundsReason
  | EnforcementPointReason
  | RouteToActionReason
  | EstablishWorkloadReason
  | EstablishUserReason
  | 'state-stale'
  | 'source-address-malformed'
  | 'obligation-unknown'
  | 'not-ready'
  | 'internal-error';

/** What a caller is told: chosen by what it can do next, never by what exactly was wrong. */
export type CallerCode =
  | 'allowed'
  | 'malformed-request'
  | 'not-authenticated'
  | 'step-up-required'
  | 'not-permitted'
  | 'unavailable'
  | 'internal';

export interface ReasonRow {
  readonly status: ClientAnswer['status'];
  readonly code: CallerCode;
  /** What the operator does who finds it in the records. */
  readonly operator: string;
}

/** 403 also for what is malformed: proxies pass only 200, 401, 403, 302 and 5xx of an authorizer through unchanged (X22). */
const malformed = (operator: string): ReasonRow => ({ status: 403, code: 'malformed-request', operator });
const unproven = (operator: string): ReasonRow => ({ status: 403, code: 'not-authenticated', operator });
const badToken = (operator: string): ReasonRow => ({ status: 401, code: 'not-authenticated', operator });
const denied = (operator: string): ReasonRow => ({ status: 403, code: 'not-permitted', operator });

const CLIENT_SENDS = 'nothing, unless one of your clients sends it';
const NOT_CANONICAL = 'nothing, unless one of your clients sends it: then have it send the canonical form';
const PROXY_TEMPLATE = 'compare the proxy’s configuration with the template';
const FORGED = 'look who sends it: such a token is not made by accident';
const PROVIDER = 'compare the issuer’s configuration in the release with the provider’s';

export const REASONS: { readonly [R in DecisionReason]: ReasonRow } = {
  permitted: { status: 200, code: 'allowed', operator: 'nothing' },
  'no-permit': denied('see in the record which conditions of the nearest permits failed'),
  forbidden: denied('see the determining forbid in the record'),
  'step-up-required': { status: 401, code: 'step-up-required', operator: 'nothing: the user signs in again' },
  'policy-error': denied('correct the policy named in the record, and add a policy test for it'),
  'obligation-unknown': denied('correct the `@obligation` of the permit named in the record'),

  'enforcement-point-unknown': unproven('add the proxy’s SPIFFE ID or role to `enforcementPoints` of its service'),
  'service-not-bound': unproven('add the proxy to `enforcementPoints` of this service, or look why it asks about it'),

  'request-too-large': malformed(CLIENT_SENDS),
  'request-malformed': malformed(CLIENT_SENDS),
  'header-duplicate': malformed('nothing, unless a proxy in between repeats the header named in the record'),
  'header-missing': malformed(PROXY_TEMPLATE),
  'header-unknown': malformed('let the proxy drop the client’s own `x-postern-` headers (`disallowed_headers`)'),
  'credential-ambiguous': malformed(CLIENT_SENDS),
  'service-missing': malformed(PROXY_TEMPLATE),
  'service-ambiguous': malformed('name the service in the filter or in the route, not differently in both'),
  'source-address-malformed': malformed(PROXY_TEMPLATE),

  'target-empty': malformed(NOT_CANONICAL),
  'target-too-long': malformed(NOT_CANONICAL),
  'target-absolute-form': malformed(NOT_CANONICAL),
  'target-asterisk-form': malformed(NOT_CANONICAL),
  'target-authority-form': malformed(NOT_CANONICAL),
  'target-fragment': malformed(NOT_CANONICAL),
  'path-control': malformed(NOT_CANONICAL),
  'path-not-ascii': malformed(NOT_CANONICAL),
  'path-backslash': malformed(NOT_CANONICAL),
  'path-character': malformed(NOT_CANONICAL),
  'path-empty-segment': malformed(NOT_CANONICAL),
  'path-dot-segment': malformed(NOT_CANONICAL),
  'path-parameter': malformed('set `pathParameters: keep` for the service if its upstream gives `;` no meaning'),
  'path-escape-malformed': malformed(NOT_CANONICAL),
  'path-escape-lower-case': malformed(NOT_CANONICAL),
  'path-escape-unreserved': malformed(NOT_CANONICAL),
  'path-escape-not-utf8': malformed(NOT_CANONICAL),
  'path-escaped-slash': malformed(NOT_CANONICAL),
  'path-escaped-backslash': malformed(NOT_CANONICAL),
  'path-escaped-percent': malformed(NOT_CANONICAL),
  'path-escaped-control': malformed(NOT_CANONICAL),
  'query-control': malformed(NOT_CANONICAL),
  'host-empty': malformed(NOT_CANONICAL),
  'host-too-long': malformed(NOT_CANONICAL),
  'host-userinfo': malformed(NOT_CANONICAL),
  'host-not-ascii': malformed(NOT_CANONICAL),
  'host-port-malformed': malformed(NOT_CANONICAL),
  'host-name-malformed': malformed(NOT_CANONICAL),
  'host-ip-malformed': malformed(NOT_CANONICAL),
  'host-not-served': denied('add the host to the service, or look why the proxy routes it there'),
  'path-not-routed': denied('add a route to the service if the path is one of its own'),
  'method-not-routed': denied('add the method to the route if the service offers it'),

  'peer-certificate-malformed': unproven(PROXY_TEMPLATE),
  'peer-certificate-too-large': unproven(PROXY_TEMPLATE),
  'peer-certificate-missing': unproven('have the proxy pass the certificate on (`include_peer_certificate`)'),
  'principal-mismatch': unproven('look at the certificate: it names somebody else than the proxy says'),
  'svid-malformed': unproven('look which client shows a certificate that cannot be read'),
  'svid-not-an-svid': unproven('let the caller use an SVID; `detail` names the rule that its certificate breaks'),
  'svid-untrusted': unproven('check that the issuer is in the feed and the trust domain is federated'),
  'svid-expired': unproven('look why the workload does not renew'),
  'svid-not-yet-valid': unproven('compare the clocks of this machine and the authority'),
  'svid-revoked': unproven('nothing: it was taken back; the workload needs a new SVID'),
  'xfcc-malformed': unproven('set the listener to SANITIZE_SET'),
  'assurance-insufficient': unproven(
    'have the proxy pass the certificate on, or accept this assurance for the service',
  ),

  'user-missing': badToken('nothing: the user signs in'),
  'credential-scheme': badToken('have the client send `authorization: Bearer`, or set `user: none` for the route'),
  'token-too-large': badToken('have the provider put fewer claims into its tokens'),
  'token-malformed': badToken(CLIENT_SENDS),
  'token-header': badToken(FORGED),
  'token-issuer-unknown': badToken('add the issuer to the release if its users belong here'),
  'token-type': badToken(PROVIDER),
  'token-algorithm': badToken(PROVIDER),
  'token-keys-missing': badToken('look why the provider’s keys are not in the feed: all its users are refused'),
  'token-key-unknown': badToken('look whether the provider’s new keys have reached the feed'),
  'token-signature': badToken(FORGED),
  'token-claims': badToken(PROVIDER),
  'token-audience': badToken(PROVIDER),
  'token-expired': badToken('nothing: the client gets a new token'),
  'token-not-yet-valid': badToken('compare the clocks of this machine and the provider'),
  'token-bound': badToken('have the client use tokens that are not bound to a key, until this is supported'),
  'user-revoked': badToken('nothing: access was taken back; the user signs in again'),
  'session-revoked': badToken('nothing: the session was ended; the user signs in again'),
  'device-revoked': badToken('nothing: access from this device was taken back'),

  'state-stale': denied('look why the feed does not arrive at this decision point'),
  'not-ready': { status: 503, code: 'unavailable', operator: 'wait; then look why release and feed do not arrive' },
  'internal-error': {
    status: 500,
    code: 'internal',
    operator: 'look up the decision id in the log, and report the fault',
  },
};

/** What a denial for this reason asks of the client. No error code to who showed no usable credential (RFC 6750 3.1). */
export function obligationsOf(reason: DecisionReason): readonly Obligation[] {
  if (REASONS[reason].status !== 401 || reason === 'step-up-required') return [];
  const isInvalid = reason !== 'user-missing' && reason !== 'credential-scheme';
  return [isInvalid ? { kind: 'authenticate', error: 'invalid_token' } : { kind: 'authenticate' }];
}
