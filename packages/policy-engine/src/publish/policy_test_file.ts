/** `tests/*.yaml`: what the policies are expected to decide, by example. */
import { ipOf } from '../cedar/index.ts';
import { splitSpiffeId } from '../release/names.ts';
import type { Problems } from './problem.ts';
import { createSource, type Source } from './source.ts';
import {
  flag,
  integer,
  listOf,
  object,
  oneOf,
  optional,
  type Placed,
  placed,
  readYaml,
  required,
  text,
  withDefault,
} from './yaml_reader.ts';

const MAX_TESTS = 10_000;
/** Ten years. */
const MAX_AGE_SECONDS = 10 * 366 * 86_400;

const word = text({ what: 'text', check: (value) => value !== '' });

const user = object({
  issuer: withDefault(word, 'https://issuer.test'),
  subject: required(word),
  email: optional(word),
  groups: withDefault(listOf(word, { max: 1000 }), []),
  /** Absent: the provider does not say when the sign-in was. */
  signedInSecondsAgo: optional(integer(0, MAX_AGE_SECONDS)),
  acr: optional(word),
  amr: withDefault(listOf(word, { max: 20 }), []),
});

const device = object({
  id: withDefault(word, 'device'),
  /** Absent: no source reports on the device. */
  compliant: optional(flag),
  managed: withDefault(flag, false),
  diskEncrypted: optional(flag),
  platform: optional(word),
  osVersion: optional(word),
});

const described = {
  service: required(word),
  method: required(word),
  target: required(word),
  /** The service's first host when absent. */
  host: optional(word),
  at: required(text({ what: 'an instant such as 2026-01-05T12:00:00Z', check: isInstant })),
  workload: optional(text({ what: 'a SPIFFE ID', check: (id) => splitSpiffeId(id) !== undefined })),
  assurance: withDefault(oneOf('certificate', 'xfcc-certificate', 'xfcc-uri'), 'certificate'),
  sourceIp: optional(text({ what: 'an IP address', check: isAddress })),
  user: optional(user),
  device: optional(device),
};

const policyTest = object({
  name: required(word),
  ...described,
  expect: required(
    object({
      outcome: required(oneOf('allow', 'deny', 'challenge')),
      /** Such as `no-permit`, `forbidden` or `user-missing`. */
      reason: optional(word),
      /** All policies that determined the decision, of whichever party. */
      policies: optional(listOf(word, { max: 1000 })),
    }),
  ),
});

const policyTests = object({ tests: required(listOf(placed(policyTest), { max: MAX_TESTS })) });

export type PolicyTest = NonNullable<ReturnType<typeof policyTest>>;
/** A test without its name and without what is expected. */
export type DescribedRequest = Omit<PolicyTest, 'name' | 'expect'>;

const describedRequest = object(described);

/** Reads one request, described as in a test, from a file of its own; problems are reported with their place. */
export function readDescribedRequest(source: Source, problems: Problems): DescribedRequest | undefined {
  return readYaml(source, describedRequest, problems);
}

/** Reads the tests among `files`; problems are reported with their place. */
export function readPolicyTests(files: ReadonlyMap<string, string>, problems: Problems): readonly Placed<PolicyTest>[] {
  const paths = [...files.keys()].filter((path) => /^tests\/(?:[^/]+\/)*[^/]+\.ya?ml$/.test(path)).sort();
  return paths.flatMap(
    (path) => readYaml(createSource(path, files.get(path) ?? ''), policyTests, problems)?.tests ?? [],
  );
}

function isAddress(value: string): boolean {
  return !value.includes('/') && ipOf(value).ok;
}

function isInstant(value: string): boolean {
  return /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(value) && !Number.isNaN(Date.parse(value));
}
