/** Decision → `envoy.service.auth.v3.CheckResponse`, as a plain value for the protobuf codec. */
import { renderClientAnswer } from './client_answer.ts';
import type { Decision } from './decision.ts';

/** `HeaderValueOption.HeaderAppendAction`: replaces what is there, so that a client's copy never survives (X15). */
export const OVERWRITE_IF_EXISTS_OR_ADD = 2;

/** google.rpc.Code */
export const RPC_CODE = { OK: 0, PERMISSION_DENIED: 7, INTERNAL: 13, UNAVAILABLE: 14, UNAUTHENTICATED: 16 } as const;
export type RpcCode = (typeof RPC_CODE)[keyof typeof RPC_CODE];

export interface HeaderValueOption {
  readonly header: { readonly key: string; readonly value: string };
  readonly append_action: typeof OVERWRITE_IF_EXISTS_OR_ADD;
}

export interface DeniedHttpResponse {
  readonly status: { readonly code: number };
  readonly headers: readonly HeaderValueOption[];
  readonly body: string;
}

/** Fields as named in the `.proto`. Exactly one of the three responses is there, and `status` always is. */
export interface EnvoyCheckResponse {
  readonly status: { readonly code: RpcCode; readonly message: string };
  readonly ok_response?: {
    readonly headers: readonly HeaderValueOption[];
    readonly headers_to_remove: readonly string[];
  };
  readonly denied_response?: DeniedHttpResponse;
  /** "Cannot decide" (X14): older Envoys do not know it and go by `status`, which is never OK here. */
  readonly error_response?: DeniedHttpResponse;
  /** Lands in the access log, namespace `envoy.filters.http.ext_authz` (X18). A `google.protobuf.Struct`. */
  readonly dynamic_metadata: {
    readonly decision_id: string;
    readonly reason: string;
    readonly policies: readonly string[];
  };
}

/**
 * Never empty and never without a status: Envoy takes a CheckResponse without one for an allow (X12). A fault is a denial, not an `error_response`: where an operator lets
 * errors through (`failure_mode_allow`), whoever can provoke a fault would be let through with them.
 */
export function renderGrpcAnswer(decision: Decision): EnvoyCheckResponse {
  const policies = decision.parties.flatMap((party) => party.determining.map((policy) => policy.id));
  const dynamic_metadata = { decision_id: decision.id, reason: decision.reason, policies: [...new Set(policies)] };
  if (decision.outcome === 'allow') {
    const headers: HeaderValueOption[] = [];
    const headers_to_remove: string[] = [];
    for (const obligation of decision.obligations) {
      if (obligation.kind === 'set-header') headers.push(headerOption(obligation.name, obligation.value));
      if (obligation.kind === 'remove-header') headers_to_remove.push(obligation.name);
    }
    const status = { code: RPC_CODE.OK, message: decision.reason };
    return { status, ok_response: { headers, headers_to_remove }, dynamic_metadata };
  }
  const answer = renderClientAnswer(decision);
  const response = {
    status: { code: answer.status },
    headers: answer.headers.map(([name, value]) => headerOption(name, value)),
    body: answer.body,
  };
  const status = { code: rpcCodeOf(answer.status), message: decision.reason };
  return decision.reason === 'not-ready'
    ? { status, error_response: response, dynamic_metadata }
    : { status, denied_response: response, dynamic_metadata };
}

function rpcCodeOf(status: number): RpcCode {
  if (status === 401) return RPC_CODE.UNAUTHENTICATED;
  if (status === 503) return RPC_CODE.UNAVAILABLE;
  if (status === 500) return RPC_CODE.INTERNAL;
  return RPC_CODE.PERMISSION_DENIED;
}

function headerOption(key: string, value: string): HeaderValueOption {
  return { header: { key, value }, append_action: OVERWRITE_IF_EXISTS_OR_ADD };
}
