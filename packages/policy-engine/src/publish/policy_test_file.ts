/** `tests/*.yaml`: what the policies are expected to decide, by example. */
import {
  type DescribedRequest,
  instant,
  type Known,
  REQUEST_FIELDS,
  settleRequest,
  word,
} from './described_request.ts';
import { isTestReason } from './policy_test_reasons.ts';
import type { Problems } from './problem.ts';
import { HIDDEN } from './repository.ts';
import { createSource, lineOf, type Place } from './source.ts';
import { listOf, object, oneOf, optional, type Placed, placed, readYaml, required, text } from './yaml_reader.ts';

const MAX_TESTS = 10_000;

const expectation = object({
  outcome: required(oneOf('allow', 'deny', 'challenge')),
  /** Such as `no-permit`, `forbidden` or `user-missing`. */
  reason: optional(text({ what: 'a reason that a test can come to, such as `no-permit`', check: isTestReason })),
  /** All policies that determined the decision, of whichever party. */
  policies: optional(listOf(word, { max: 1000 })),
});

const policyTest = object({
  name: required(placed(word)),
  ...REQUEST_FIELDS,
  at: required(instant),
  expect: required(expectation),
});

const policyTests = object({ tests: required(listOf(placed(policyTest), { max: MAX_TESTS })) });

export interface PolicyTest extends DescribedRequest {
  readonly name: string;
  readonly expect: NonNullable<ReturnType<typeof expectation>>;
}

/**
 * Reads the tests among `files`; problems are reported with their place. `known`: the release that the files make;
 * `undefined` where they make none: then only the tests' own form is looked at.
 */
export function readPolicyTests(
  files: ReadonlyMap<string, string>,
  known: Known | undefined,
  problems: Problems,
): readonly Placed<PolicyTest>[] {
  const isTestFile = (path: string) => /^tests\/(?:[^/]+\/)*[^/]+\.ya?ml$/.test(path) && !HIDDEN.test(path);
  const paths = [...files.keys()].filter(isTestFile).sort();
  const written = paths.flatMap(
    (path) => readYaml(createSource(path, files.get(path) ?? ''), policyTests, problems)?.tests ?? [],
  );
  checkNames(
    written.map(({ value }) => value.name),
    problems,
  );
  if (known === undefined) return [];
  return written.flatMap(({ value: { name, expect, ...request }, place }) => {
    const settled = settleRequest(request, known, problems);
    return settled === undefined ? [] : [{ value: { ...settled, name: name.value, expect }, place }];
  });
}

/** A name is how a test is asked for (`postern policy explain --test`). */
function checkNames(names: readonly Placed<string>[], problems: Problems): void {
  const taken = new Map<string, Place>();
  for (const { value, place } of names) {
    const other = taken.get(value);
    if (other === undefined) taken.set(value, place);
    else {
      const where = `${other.source.file}:${lineOf(other)}`;
      problems.error('test-name-duplicate', place, `the name \`${value}\` is taken by the test in ${where}`);
    }
  }
}
