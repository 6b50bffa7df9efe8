/** A request as people describe it, in a policy test or by itself: its keys, and what of it a repository has to know. */
import { ipOf } from '../cedar/index.ts';
import { splitSpiffeId } from '../release/names.ts';
import type { Assurance, Release } from '../release/release.ts';
import { didYouMean } from './near_name.ts';
import type { Problems } from './problem.ts';
import type { Source } from './source.ts';
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

/** Ten years. */
const MAX_AGE_SECONDS = 10 * 366 * 86_400;

export const word = text({ what: 'text', check: (value) => value !== '' });

const user = object({
  /** The repository's own when it declares exactly one. */
  issuer: optional(placed(word)),
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

export const instant = text({ what: 'an instant such as 2026-01-05T12:00:00Z', check: isInstant });

/** All but `at`, which a test has to say: what it expects is of one moment. */
export const REQUEST_FIELDS = {
  service: required(placed(word)),
  method: required(word),
  target: required(word),
  /** The service's first host when absent. */
  host: optional(word),
  workload: optional(text({ what: 'a SPIFFE ID', check: (id) => splitSpiffeId(id) !== undefined })),
  assurance: withDefault(oneOf('certificate', 'xfcc-certificate', 'xfcc-uri'), 'certificate' as const),
  sourceIp: optional(text({ what: 'an IP address', check: isAddress })),
  user: optional(placed(user)),
  device: optional(device),
};

type WrittenUser = NonNullable<ReturnType<typeof user>>;

export interface DescribedUser extends Omit<WrittenUser, 'issuer'> {
  readonly issuer: string;
}

export interface DescribedRequest {
  readonly service: string;
  readonly method: string;
  readonly target: string;
  readonly host: string | undefined;
  readonly at: string;
  readonly workload: string | undefined;
  readonly assurance: Assurance;
  readonly sourceIp: string | undefined;
  readonly user: DescribedUser | undefined;
  readonly device: NonNullable<ReturnType<typeof device>> | undefined;
}

export interface WrittenRequest extends Omit<DescribedRequest, 'service' | 'user'> {
  readonly service: Placed<string>;
  readonly user: Placed<WrittenUser> | undefined;
}

/** What the repository has of that a request names. */
export type Known = Pick<Release, 'services' | 'issuers'>;

const request = object({ ...REQUEST_FIELDS, at: optional(instant) });

/** Reads one request from a file of its own; problems are reported with their place. `now` stands for `at` where absent. */
export function readDescribedRequest(
  source: Source,
  known: Known,
  now: string,
  problems: Problems,
): DescribedRequest | undefined {
  const written = readYaml(source, request, problems);
  return written && settleRequest({ ...written, at: written.at ?? now }, known, problems);
}

/** Reports services and issuers that the repository does not have: a decision point would know neither. */
export function settleRequest(
  { service, user: written, ...rest }: WrittenRequest,
  known: Known,
  problems: Problems,
): DescribedRequest | undefined {
  const isKnown = known.services.some(({ name }) => name === service.value);
  if (!isKnown) {
    const names = known.services.map(({ name }) => name);
    const instead = didYouMean(service.value, names) || `, only ${listed(names)}`;
    problems.error('test-service-unknown', service.place, `there is no service \`${service.value}\`${instead}`);
  }
  const issuer = written && issuerOf(written, known, problems);
  if (!isKnown || (written !== undefined && issuer === undefined)) return undefined;
  return {
    ...rest,
    service: service.value,
    user: written && issuer !== undefined ? { ...written.value, issuer } : undefined,
  };
}

function issuerOf({ value, place }: Placed<WrittenUser>, { issuers }: Known, problems: Problems): string | undefined {
  const names = issuers.map(({ issuer }) => issuer);
  const { issuer } = value;
  const [only] = names;
  if (issuer !== undefined && names.includes(issuer.value)) return issuer.value;
  if (issuer === undefined && names.length === 1) return only;
  const at = issuer?.place ?? place;
  if (only === undefined)
    problems.error('test-issuer-unknown', at, '`postern.yaml` declares no issuer: no token names a person here');
  else if (issuer === undefined)
    problems.error('test-issuer-unknown', at, `\`issuer\` is missing: \`postern.yaml\` declares ${listed(names)}`);
  else
    problems.error(
      'test-issuer-unknown',
      at,
      `\`postern.yaml\` does not declare the issuer \`${issuer.value}\`, only ${listed(names)}`,
    );
  return undefined;
}

const MAX_LISTED = 10;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map((name) => `\`${name}\``);
  return [...shown, ...(names.length > shown.length ? [`${names.length - shown.length} more`] : [])].join(', ');
}

function isAddress(value: string): boolean {
  return !value.includes('/') && ipOf(value).ok;
}

function isInstant(value: string): boolean {
  return /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(value) && !Number.isNaN(Date.parse(value));
}
