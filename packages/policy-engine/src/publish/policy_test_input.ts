/** What a decision point would know of the request that a policy test describes. */
import { contextOf } from '../context.ts';
import type { Party } from '../decision.ts';
import { ANONYMOUS_USER, ANONYMOUS_WORKLOAD, userEntity, userUid, workloadUid } from '../model.ts';
import type { LoadedRelease } from '../release/index.ts';
import { type RecordedInput, recordInput } from '../replay/index.ts';
import { type DescribedRequest, type DescribedUser, readDescribedRequest } from './described_request.ts';
import { type CompileProblem, Problems } from './problem.ts';
import { createSource } from './source.ts';

const CERTIFICATE_MS = 3_600_000;

/** The service's first host stands in for one that is not given. */
export function hostOf(loaded: LoadedRelease, { host, service }: DescribedRequest): string {
  return host ?? loaded.services.get(service)?.service.hosts[0] ?? '';
}

/**
 * One request by itself, described with the keys of a test, in YAML or JSON; `nowMs` stands for an `at` that is left out.
 * Without `input` there are problems.
 */
export function readRequest(
  loaded: LoadedRelease,
  file: string,
  text: string,
  nowMs: number,
): { readonly input?: RecordedInput; readonly problems: readonly CompileProblem[] } {
  const problems = new Problems();
  const now = new Date(nowMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
  const described = readDescribedRequest(createSource(file, text), loaded.release, now, problems);
  return described === undefined
    ? { problems: problems.list() }
    : { input: recordedInputOf(loaded, described), problems: [] };
}

export function recordedInputOf(loaded: LoadedRelease, described: DescribedRequest): RecordedInput {
  const { method, target, service, user, device } = described;
  const nowMs = Date.parse(described.at);
  const request = { method, path: target, host: hostOf(loaded, described) };
  const context = contextOf({
    nowMs,
    request,
    network: { sourceIp: described.sourceIp },
    workload: described.workload === undefined ? undefined : workloadOf(described, described.workload, nowMs),
    user,
    auth: user && signInOf(user, nowMs),
    device: device && deviceOf(device, nowMs),
  });
  const entities = user === undefined ? [] : [userEntity(user)];
  return recordInput({ service, parties: partiesOf(described), context, entities, nowMs }, request);
}

function partiesOf({ workload, user }: DescribedRequest): Party[] {
  return [
    workload === undefined
      ? { kind: 'anonymous-workload', principal: ANONYMOUS_WORKLOAD }
      : { kind: 'workload', principal: workloadUid(workload) },
    user === undefined
      ? { kind: 'anonymous-user', principal: ANONYMOUS_USER }
      : { kind: 'user', principal: userUid(user.issuer, user.subject) },
  ];
}

function workloadOf({ assurance }: DescribedRequest, spiffeId: string, nowMs: number) {
  return { spiffeId, assurance, notAfterMs: nowMs + CERTIFICATE_MS };
}

function signInOf({ signedInSecondsAgo, acr, amr }: DescribedUser, nowMs: number) {
  return signedInSecondsAgo === undefined ? undefined : { timeMs: nowMs - signedInSecondsAgo * 1000, acr, amr };
}

function deviceOf({ id, compliant, ...posture }: NonNullable<DescribedRequest['device']>, nowMs: number) {
  return compliant === undefined ? { id } : { id, posture: { ...posture, compliant, observedAtMs: nowMs } };
}
