/** Decision → answer of the HTTP flavour of ext_authz. */
import { DECISION_ID_HEADER, renderClientAnswer } from './client_answer.ts';
import type { ClientAnswer, Decision } from './decision.ts';

/**
 * 200 allows, and only it does (X22). On allow the headers are for the upstream: the proxy's template takes over
 * `x-postern-` ones, and removes those named in `x-envoy-auth-headers-to-remove` (X23). On any other outcome they are
 * for the client, and since a proxy without `allowed_client_headers` passes on all of them, none is internal.
 */
export function renderHttpAnswer(decision: Decision): ClientAnswer {
  if (decision.outcome !== 'allow') return renderClientAnswer(decision);
  const headers: (readonly [string, string])[] = [[DECISION_ID_HEADER, decision.id]];
  const removed: string[] = [];
  for (const obligation of decision.obligations) {
    if (obligation.kind === 'set-header') headers.push([obligation.name, obligation.value]);
    if (obligation.kind === 'remove-header') removed.push(obligation.name);
  }
  if (removed.length > 0) headers.push(['x-envoy-auth-headers-to-remove', removed.join(',')]);
  return { status: 200, headers, body: '' };
}
