/** The peer: Cedar's own engine compiled to WebAssembly, with a policy set that it prepared before. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { BenchPolicy } from './policies.ts';
import { ISSUER, methodOf, type PlainRequest } from './requests.ts';

export const CEDAR_WASM = 'cedar-wasm';

export function cedarWasmVersion(): string {
  return `${cedar.getCedarSDKVersion()} (Cedar ${cedar.getCedarLangVersion()})`;
}

export function parseToJson(policy: string): unknown {
  const answer = cedar.policyToJson(policy);
  if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '));
  return answer.json;
}

/** Cedar text by id: the form in which cedar-wasm reads policies fastest and still names them in its answers. */
export type StaticPolicies = { readonly [id: string]: string };

export function staticPolicies(policies: readonly BenchPolicy[]): StaticPolicies {
  return Object.fromEntries(policies.map((policy) => [policy.id, policy.cedar]));
}

/** Keeps the policies in the WebAssembly instance under `setId`. */
export function prepare(setId: string, policies: StaticPolicies): void {
  const answer = cedar.preparsePolicySet(setId, { staticPolicies: policies });
  if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '));
}

/** The same values as our own context; the entities are only those that the request is about. */
export function decideWithCedarWasm(setId: string, request: PlainRequest): 'allow' | 'deny' {
  const { service, team, action, path, host, sourceIp, nowMs, signedInMs, compliant, managed } = request;
  const principal = { type: 'User', id: `${ISSUER}#${request.user}` };
  const resource = { type: 'Service', id: service };
  const now = new Date(nowMs);
  const hour = now.getUTCHours();
  const user = { issuer: ISSUER, subject: request.user };
  const answer = cedar.statefulIsAuthorized({
    preparsedPolicySetId: setId,
    principal,
    action: { type: 'Action', id: action },
    resource,
    context: {
      now: datetime(nowMs),
      request: { method: methodOf(request), path, host },
      network: { sourceIp: { __extn: { fn: 'ip', arg: sourceIp } } },
      local: { hour, weekday: now.getUTCDay() || 7, minuteOfDay: hour * 60 + now.getUTCMinutes() },
      user: { ...user, groups: [...request.groups] },
      auth: { time: datetime(signedInMs), ageSeconds: Math.floor((nowMs - signedInMs) / 1000), amr: ['pwd', 'mfa'] },
      device: {
        id: 'laptop-1',
        known: true,
        compliant,
        managed,
        posture: compliant ? 'compliant' : 'non-compliant',
        observedAt: datetime(signedInMs),
      },
    },
    entities: [
      { uid: principal, attrs: user, parents: request.groups.map((id) => ({ type: 'Group', id })) },
      { uid: resource, attrs: {}, parents: [{ type: 'Team', id: team }] },
    ],
  });
  if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '));
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) throw new Error(diagnostics.errors[0]!.error.message);
  return decision;
}

function datetime(ms: number) {
  return { __extn: { fn: 'datetime', arg: new Date(ms).toISOString() } };
}
