/** Runs the tests of a policy repository against a release: what a decision point would decide, without one. */
import type { Outcome } from '../decision.ts';
import type { LoadedRelease } from '../release/index.ts';
import { inputOf, type RecordedInput } from '../replay/index.ts';
import { routeRequest } from '../route_request.ts';
import { type Coverage, createCoverage } from './policy_coverage.ts';
import { type PolicyTest, readPolicyTests } from './policy_test_file.ts';
import { hostOf, recordedInputOf } from './policy_test_input.ts';
import type { PolicyTestReason } from './policy_test_reasons.ts';
import { type CompileProblem, Problems } from './problem.ts';
import { lineOf } from './source.ts';

export interface PolicyTestResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly passed: boolean;
  readonly outcome: Outcome;
  readonly reason: PolicyTestReason;
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
  readonly coverage: Coverage;
}

/** `files`: the repository that `loaded` was compiled from; only those below `tests/` are read. */
export function runPolicyTests(loaded: LoadedRelease, files: ReadonlyMap<string, string>): PolicyTestReport {
  const problems = new Problems();
  const coverage = createCoverage(loaded);
  const results = readPolicyTests(files, loaded.release, problems).map(({ value, place }) => {
    const decided = decideTest(loaded, value, coverage);
    const differences = differencesOf(value.expect, decided);
    return {
      name: value.name,
      file: place.source.file,
      line: lineOf(place),
      passed: differences.length === 0,
      ...decided,
      differences,
    };
  });
  const covered = coverage.report();
  return {
    ok: !problems.hasErrors && results.every(({ passed }) => passed),
    results,
    problems: problems.list(),
    unexercised: covered.unexercised.map(({ id }) => id),
    coverage: covered,
  };
}

export interface PolicyTestRequests {
  readonly tests: readonly { readonly name: string; readonly input: RecordedInput }[];
  /** Of the tests that are left out. */
  readonly problems: readonly CompileProblem[];
}

/** The requests of the tests: for a replay, or to have one explained. */
export function recordPolicyTests(loaded: LoadedRelease, files: ReadonlyMap<string, string>): PolicyTestRequests {
  const problems = new Problems();
  const tests = readPolicyTests(files, loaded.release, problems).map(({ value }) => ({
    name: value.name,
    input: recordedInputOf(loaded, value),
  }));
  return { tests, problems: problems.list() };
}

type Decided = Pick<PolicyTestResult, 'outcome' | 'reason' | 'policies'>;

function decideTest(loaded: LoadedRelease, test: PolicyTest, coverage: ReturnType<typeof createCoverage>): Decided {
  const { method, target } = test;
  // With its query, which is not part of what is recorded.
  const routed = routeRequest(loaded, test.service, { method, target, authority: hostOf(loaded, test) });
  const input = routed.ok ? inputOf(loaded, recordedInputOf(loaded, test)) : routed;
  if (!input.ok) return { outcome: 'deny', reason: input.reason, policies: [] };
  const { outcome, reason, parties } = coverage.decide(input.value);
  const policies = parties.flatMap(({ determining }) => determining.map(({ id }) => id));
  return { outcome, reason, policies: [...new Set(policies)] };
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
