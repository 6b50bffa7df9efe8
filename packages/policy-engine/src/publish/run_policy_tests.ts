/** Runs the tests of a policy repository against a release: what a decision point would decide, without one. */
import { contextOf } from '../context.ts';
import { decide } from '../decide.ts';
import type { EngineDecision, EngineReason, Outcome, Party } from '../decision.ts';
import { ANONYMOUS_USER, ANONYMOUS_WORKLOAD, userEntity, userUid, workloadUid } from '../model.ts';
import type { LoadedRelease } from '../release/index.ts';
import { type RoutedRequest, type RouteReason, routeRequest } from '../route_request.ts';
import { type PolicyTest, readPolicyTests } from './policy_test_file.ts';
import { type CompileProblem, Problems } from './problem.ts';
import { lineOf } from './source.ts';

export interface PolicyTestResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly passed: boolean;
  readonly outcome: Outcome;
  readonly reason: EngineReason | RouteReason | 'user-missing';
  /** Ids of the policies that determined it. */
  readonly policies: readonly string[];
  /** What differs from what was expected; empty when passed. */
  readonly differences: readonly string[];
}

export interface PolicyTestReport {
  /** Every test file could be read and every test passed. */
  readonly ok: boolean;
  readonly results: readonly PolicyTestResult[];
  readonly problems: readonly CompileProblem[];
  /** Policies that determined no decision of any test. */
  readonly unexercised: readonly string[];
}

/** `files`: the repository that `loaded` was compiled from; only those below `tests/` are read. */
export function runPolicyTests(loaded: LoadedRelease, files: ReadonlyMap<string, string>): PolicyTestReport {
  const problems = new Problems();
  const results = readPolicyTests(files, problems).map(({ value, place }) => {
    const decided = decideTest(loaded, value);
    const differences = differencesOf(value.expect, decided);
    const { name } = value;
    return {
      name,
      file: place.source.file,
      line: lineOf(place),
      passed: differences.length === 0,
      ...decided,
      differences,
    };
  });
  const exercised = new Set(results.flatMap(({ policies }) => policies));
  return {
    ok: !problems.hasErrors && results.every(({ passed }) => passed),
    results,
    problems: problems.list(),
    unexercised: loaded.release.policies.map(({ id }) => id).filter((id) => !exercised.has(id)),
  };
}

type Decided = Pick<PolicyTestResult, 'outcome' | 'reason' | 'policies'>;

function decideTest(loaded: LoadedRelease, test: PolicyTest): Decided {
  const authority = test.host ?? loaded.services.get(test.service)?.service.hosts[0] ?? '';
  const routed = routeRequest(loaded, test.service, { method: test.method, target: test.target, authority });
  if (!routed.ok) return { outcome: 'deny', reason: routed.reason, policies: [] };
  if (routed.value.user === 'required' && test.user === undefined) {
    return { outcome: 'deny', reason: 'user-missing', policies: [] };
  }
  const decision = decideRouted(loaded, test, routed.value);
  const policies = decision.parties.flatMap(({ determining }) => determining.map(({ id }) => id));
  return { outcome: decision.outcome, reason: decision.reason, policies: [...new Set(policies)] };
}

function decideRouted(loaded: LoadedRelease, test: PolicyTest, routed: RoutedRequest): EngineDecision {
  const nowMs = Date.parse(test.at);
  const { service, path, host } = routed;
  const user = routed.user === 'none' ? undefined : test.user;
  const context = contextOf({
    nowMs,
    timeZone: service.timeZone,
    request: { method: test.method, path, host },
    network: { sourceIp: test.sourceIp },
    workload: test.workload === undefined ? undefined : workloadOf(test.workload, test.assurance, nowMs),
    user,
    auth: user && signInOf(user, nowMs),
    device: test.device && deviceOf(test.device, nowMs),
  });
  const entities = user === undefined ? [] : [userEntity(user)];
  const parties = partiesOf(test.workload, user, routed);
  return decide(loaded, { service: service.name, action: routed.action, parties, context, entities, nowMs });
}

function partiesOf(workload: string | undefined, user: PolicyTest['user'], routed: RoutedRequest): Party[] {
  const parties: Party[] = [
    workload === undefined
      ? { kind: 'anonymous-workload', principal: ANONYMOUS_WORKLOAD }
      : { kind: 'workload', principal: workloadUid(workload) },
  ];
  if (user !== undefined) parties.push({ kind: 'user', principal: userUid(user.issuer, user.subject) });
  else if (routed.user !== 'none') parties.push({ kind: 'anonymous-user', principal: ANONYMOUS_USER });
  return parties;
}

function workloadOf(spiffeId: string, assurance: PolicyTest['assurance'], nowMs: number) {
  return { spiffeId, assurance, notAfterMs: nowMs + 3_600_000 };
}

function signInOf({ signedInSecondsAgo, acr, amr }: NonNullable<PolicyTest['user']>, nowMs: number) {
  return signedInSecondsAgo === undefined ? undefined : { timeMs: nowMs - signedInSecondsAgo * 1000, acr, amr };
}

function deviceOf({ id, compliant, ...posture }: NonNullable<PolicyTest['device']>, nowMs: number) {
  return compliant === undefined ? { id } : { id, posture: { ...posture, compliant, observedAtMs: nowMs } };
}

function differencesOf(expected: PolicyTest['expect'], decided: Decided): string[] {
  const differences: string[] = [];
  if (expected.outcome !== decided.outcome) {
    differences.push(`outcome is \`${decided.outcome}\` (${decided.reason}), expected \`${expected.outcome}\``);
  }
  if (expected.reason !== undefined && expected.reason !== decided.reason) {
    differences.push(`reason is \`${decided.reason}\`, expected \`${expected.reason}\``);
  }
  if (expected.policies !== undefined) {
    const missing = expected.policies.filter((id) => !decided.policies.includes(id));
    const unexpected = decided.policies.filter((id) => !expected.policies?.includes(id));
    if (missing.length > 0) differences.push(`not decided by ${missing.map((id) => `\`${id}\``).join(', ')}`);
    if (unexpected.length > 0) differences.push(`also decided by ${unexpected.map((id) => `\`${id}\``).join(', ')}`);
  }
  return differences;
}
