/** Orders, authorizations and challenges as clients read them (RFC 8555 7.1.3 to 7.1.5, 8). */
import {
  type AcmeOrder,
  type AcmeUrls,
  type Authorization,
  authorizationStatus,
  challengeStatus,
  type OrderProblem,
  renderAcmeProblem,
  statusOf,
} from '@postern/acme';

const timeOf = (ms: number) => new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000', '');
const problemOf = ({ problem, detail }: OrderProblem) => renderAcmeProblem({ problem, detail, reason: '' });

export function renderOrder(order: AcmeOrder, urls: AcmeUrls, nowMs: number): object {
  const { id, names, authorizations, replaces, error } = order;
  return {
    status: statusOf(order, nowMs),
    expires: timeOf(order.expiresAtMs),
    identifiers: names.map((value) => ({ type: 'dns', value })),
    authorizations: authorizations.map((_, index) => urls.authorization(id, index)),
    finalize: urls.finalize(id),
    ...(order.certificate !== undefined && { certificate: urls.certificate(id) }),
    ...(replaces !== undefined && { replaces }),
    ...(error !== undefined && { error: problemOf(error) }),
  };
}

export function renderAuthorization(order: AcmeOrder, index: number, urls: AcmeUrls, nowMs: number): object {
  const authorization = order.authorizations[index] as Authorization;
  return {
    identifier: { type: 'dns', value: authorization.name },
    status: authorizationStatus(authorization, order, nowMs),
    expires: timeOf(order.expiresAtMs),
    challenges: [renderChallenge(order, index, urls, nowMs)],
  };
}

export function renderChallenge(order: AcmeOrder, index: number, urls: AcmeUrls, nowMs: number): object {
  const authorization = order.authorizations[index] as Authorization;
  const { token, validatedAtMs, error } = authorization;
  return {
    type: 'http-01',
    url: urls.challenge(order.id, index),
    status: challengeStatus(authorization, nowMs),
    token,
    ...(validatedAtMs !== undefined && { validated: timeOf(validatedAtMs) }),
    ...(error !== undefined && { error: problemOf(error) }),
  };
}
