/**
 * What a deployment is told, checked once: `cdk.json` and `-c KEY=VALUE` hold text and JSON from people. Everything that is
 * wrong is said together, each with what to write instead; a key that nobody reads is wrong too, since a misspelled
 * `administrators` would lock everybody out without a word.
 */
import { areGrants, GRANT_FORM, type Grant } from '@postern/functions/door/administrator';
import { parseOutboundRanges } from '@postern/functions/outbound';
import { parseAddressRange } from '@postern/outbound';
import { parseTrustDomain, type TrustDomain } from '@postern/spiffe';
import { type Context, createContextReader } from './context.ts';
import { type IamPrincipal, parseIamPrincipal } from './iam_principal.ts';

export interface Administrator extends IamPrincipal {
  readonly roles: readonly Grant[];
}

/** How long nobody may destroy an object before its time is over; `compliance`: nobody at all, AWS included. */
export type ObjectLock = 'governance' | 'compliance' | 'none';

export interface Configuration {
  readonly stackName: string;
  readonly trustDomain: TrustDomain;
  /** False: the one above is an example, fit to look at the template and not to be deployed. */
  readonly isTrustDomainNamed: boolean;
  readonly administrators: readonly Administrator[];
  /** Who may ask `authorize`; for which services is the release's to say. */
  readonly enforcementPoints: readonly IamPrincipal[];
  /** Nodes that may deliver records. */
  readonly ingestPrincipals: readonly IamPrincipal[];
  /** Origin; undefined: the HTTP API's own. */
  readonly publicUrl: string | undefined;
  readonly objectLock: ObjectLock;
  /** Whether keys, table and objects outlive the stack. */
  readonly isRetained: boolean;
  readonly allowLoopbackIssuers: boolean;
  /** Private networks where token issuers and federated endpoints may be. */
  readonly outboundRanges: readonly string[];
  /** Whether issuers' certificates say by a name constraint that they name this trust domain alone. */
  readonly constrainIssuers: boolean;
  /** Where ACME's challenges may be fetched though nobody outside could; each such as `10.0.0.0/8`. */
  readonly acmeAllowedRanges: readonly string[];
}

/** Synthesis ends here. */
export class ConfigurationInvalid extends Error {
  override readonly name = 'ConfigurationInvalid';
}

export const EXAMPLE_TRUST_DOMAIN = 'postern.example';

/** Each with what it says, for docs/deploy.md and for who misspells one. */
export const CONFIGURATION_KEYS = {
  trustDomain: 'name of the trust domain, such as `prod.example.org`; one deployment has one, for good',
  administrators: `JSON: ARN of an IAM role or user → list of ${GRANT_FORM}; who may call \`admin\`, \`publish\` and \`audit\``,
  enforcementPoints: 'ARNs of the IAM roles of proxies that ask `authorize`, separated by commas',
  ingestPrincipals: 'ARNs of the IAM roles of nodes whose agents deliver records, separated by commas',
  publicUrl: 'origin of a domain name of yours in front of the HTTP API, such as `https://postern.example.org`',
  objectLock:
    '`governance` (default): who may bypass it can still destroy an object within 400 days; `compliance`: nobody can, and it cannot be undone; `none`',
  retain: '`true` (default): keys, table and objects outlive the stack; `false` for trying it out',
  stackName: 'name of the stack, `Postern` when absent; another one stands beside it in the same account and Region',
  allowLoopbackIssuers: '`true` lets OpenID providers be on a loopback address; for development only',
  outboundRanges:
    'private networks where token issuers and federated endpoints may be, such as `10.1.0.0/16`, separated by commas; without them the public internet alone is asked',
  acmeAllowedRanges:
    'ranges such as `10.0.0.0/8`, separated by commas: private addresses that ACME’s `http-01` may be fetched from (docs/acme.md)',
  constrainIssuers:
    '`true`: certificates of issuers say by a name constraint that they name this trust domain alone; for names of letters, digits and `-`, with proxies that apply it (decision 0015)',
} as const;

const DEFAULT_STACK_NAME = 'Postern';
const STACK_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;

/** Labels of letters, digits and hyphens, the last not a number. */
const HOST_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Lambda gives 4 KB to all variables of a function; about 1 KB of them is others. */
const MAX_ADMINISTRATORS_BYTES = 2_500;

/** 500 bytes at most, of the same 4 KB. */
const MAX_OUTBOUND_RANGES = 10;

/** Throws `ConfigurationInvalid`. `context`: of the CDK application. */
export function readConfiguration(context: Context): Configuration {
  const reader = createContextReader(context, Object.keys(CONFIGURATION_KEYS));
  const { problem } = reader;

  const trustDomain = parseTrustDomain(reader.text('trustDomain') ?? EXAMPLE_TRUST_DOMAIN);
  if (!trustDomain.ok)
    problem('trustDomain', 'has lower-case letters, digits, `.`, `-` and `_` only, as in `prod.example.org`');

  const principals = (key: 'enforcementPoints' | 'ingestPrincipals') =>
    reader.list(key).flatMap((arn) => {
      const parsed = parseIamPrincipal(arn);
      if (!parsed.ok) problem(key, parsed.detail ?? parsed.reason);
      return parsed.ok ? [parsed.value] : [];
    });

  const administrators = Object.entries(reader.object('administrators')).flatMap(([arn, given]) => {
    const parsed = parseIamPrincipal(arn);
    if (!parsed.ok) problem('administrators', parsed.detail ?? parsed.reason);
    const roles = areGrants(given) ? given : [];
    if (roles.length === 0)
      problem('administrators', `\`${arn.slice(0, 200)}\` needs a list of roles, out of ${GRANT_FORM}`);
    return parsed.ok && roles.length > 0 ? [{ ...parsed.value, roles }] : [];
  });
  if (new Set(administrators.map(({ principal }) => principal)).size < administrators.length)
    problem('administrators', 'names one role twice, with two paths');
  if (formatAdministrators(administrators).length > MAX_ADMINISTRATORS_BYTES)
    problem('administrators', 'are too many for a function: name one role that people assume');

  const allowLoopbackIssuers = reader.flag('allowLoopbackIssuers', false);
  const outboundRanges = reader.list('outboundRanges');
  for (const range of outboundRanges)
    if (parseOutboundRanges(range)?.length !== 1)
      problem('outboundRanges', `has \`${range.slice(0, 50)}\`, which is no range such as \`10.1.0.0/16\``);
  if (outboundRanges.length > MAX_OUTBOUND_RANGES)
    problem('outboundRanges', `has more than ${MAX_OUTBOUND_RANGES} ranges: name larger ones`);
  const constrainIssuers = reader.flag('constrainIssuers', false);
  if (constrainIssuers && trustDomain.ok && !HOST_NAME.test(trustDomain.value))
    problem('constrainIssuers', 'needs a trust domain that could be a host name: not every proxy applies it to others');
  const acmeAllowedRanges = reader.list('acmeAllowedRanges');
  for (const range of acmeAllowedRanges)
    if (!parseAddressRange(range).ok)
      problem('acmeAllowedRanges', `\`${range.slice(0, 64)}\` is no range such as \`10.0.0.0/8\` or \`fd00:1::/48\``);
  const publicUrl = reader.text('publicUrl');
  if (publicUrl !== undefined && !isPublicOrigin(publicUrl, allowLoopbackIssuers))
    problem('publicUrl', 'is an https origin, without path or `/` at its end, such as `https://postern.example.org`');

  const stackName = reader.text('stackName') ?? DEFAULT_STACK_NAME;
  if (!STACK_NAME.test(stackName))
    problem('stackName', 'has letters, digits and `-`, 64 at most, and begins with a letter');

  const configuration = {
    stackName,
    trustDomain: trustDomain.ok ? trustDomain.value : (EXAMPLE_TRUST_DOMAIN as TrustDomain),
    isTrustDomainNamed: reader.text('trustDomain') !== undefined,
    administrators,
    enforcementPoints: principals('enforcementPoints'),
    ingestPrincipals: principals('ingestPrincipals'),
    publicUrl,
    objectLock: reader.oneOf('objectLock', ['governance', 'compliance', 'none']),
    isRetained: reader.flag('retain', true),
    allowLoopbackIssuers,
    outboundRanges,
    constrainIssuers,
    acmeAllowedRanges,
  } satisfies Configuration;
  const problems = reader.problems();
  if (problems.length > 0)
    throw new ConfigurationInvalid(`the configuration is not usable:\n  ${problems.join('\n  ')}`);
  return configuration;
}

/** JSON: principal → roles, as `readEnvironment` reads it. */
export function formatAdministrators(administrators: readonly Administrator[]): string {
  return JSON.stringify(Object.fromEntries(administrators.map(({ principal, roles }) => [principal, roles])));
}

/** A stand-in for AWS on this machine has no certificate, and is for development as loopback providers are. */
function isPublicOrigin(text: string, isDevelopment: boolean): boolean {
  if (!URL.canParse(text) || new URL(text).origin !== text) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (isDevelopment && /^(127\.0\.0\.1|(.+\.)?localhost)$/.test(hostname));
}
