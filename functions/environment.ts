/**
 * A function's settings as text: every variable is named once, here, for the deployment that sets it and the handler
 * that reads it. Nothing secret is in it: keys and secrets are named, never given.
 */
import type { MacKeyName, SigningKeyName } from '@postern/keys';
import { parseTrustDomain, type TrustDomain } from '@postern/spiffe';
import { accessOf, FUNCTION_NAMES, type FunctionName, type SecretName } from './access.ts';
import { areGrants, type Grant } from './door/administrator.ts';

export const VARIABLES = {
  trustDomain: 'POSTERN_TRUST_DOMAIN',
  /** Origin of the public doors; the audience of agents' proofs. */
  url: 'POSTERN_URL',
  table: 'POSTERN_TABLE',
  bucket: 'POSTERN_BUCKET',
  /** `alias/` and the deployment's name: where later generations of keys are found. */
  keyAliases: 'POSTERN_ALIASES',
  /** Base URLs of doors that IAM guards. */
  rotateUrl: 'POSTERN_ROTATE_URL',
  ingestUrl: 'POSTERN_INGEST_URL',
  issueUrl: 'POSTERN_ISSUE_URL',
  /** JSON: IAM principal → name of the function that runs as it. */
  functionPrincipals: 'POSTERN_FUNCTION_PRINCIPALS',
  /** JSON: IAM principal → roles, of a team with its path: `service-team:/shop/`. */
  administrators: 'POSTERN_ADMINISTRATORS',
  /** `1` where a development provider without TLS runs on the same machine as the functions. */
  allowLoopbackIssuers: 'POSTERN_ALLOW_LOOPBACK_ISSUERS',
  /** Private networks where token issuers and federated endpoints may be: `10.1.0.0/16,fd00:1::/48`. */
  outboundRanges: 'POSTERN_OUTBOUND_RANGES',
  /** `1`: issuers' certificates have a name constraint. */
  constrainIssuers: 'POSTERN_CONSTRAIN_ISSUERS',
  /** Ranges with commas between them, such as `10.0.0.0/8`: where challenges may be fetched though nobody outside could. */
  acmeAllowedRanges: 'POSTERN_ACME_ALLOWED_RANGES',
} as const;

export const keyVariable = (name: SigningKeyName | MacKeyName): string => `POSTERN_KEY_${name.toUpperCase()}`;
/** Below it are the secrets that attestors' settings name, in Secrets Manager. */
export const attestorSecretPrefix = (trustDomain: string): string => `postern/${trustDomain}/attestor/`;
export const secretVariable = (name: SecretName): string => `POSTERN_SECRET_${name.toUpperCase().replaceAll('-', '_')}`;

/** Of functions that need them; names the variable, never its value. */
export class EnvironmentInvalid extends Error {
  override readonly name = 'EnvironmentInvalid';
}

export interface FunctionEnvironment {
  readonly trustDomain: TrustDomain;
  readonly url: string;
  readonly table: string;
  readonly bucket: string;
  readonly region: string;
  /** Key ARNs, of the keys in the function's row of `ACCESS` and no others. */
  readonly signers: { readonly [K in SigningKeyName]?: string };
  readonly macs: { readonly [K in MacKeyName]?: string };
  /** Of functions that use a key which has successors. */
  readonly aliasPrefix: string | undefined;
  readonly secrets: { readonly [S in SecretName]?: string };
  readonly rotateUrl: string | undefined;
  readonly ingestUrl: string | undefined;
  readonly issueUrl: string | undefined;
  readonly functionPrincipals: ReadonlyMap<string, FunctionName>;
  readonly administrators: ReadonlyMap<string, readonly Grant[]>;
  readonly allowLoopbackIssuers: boolean;
  /** As text, for `readOutboundRanges`: functions that ask nobody outside need not know how to read it. */
  readonly outboundRangesText: string;
  /** Of `rotate`. */
  readonly constrainIssuers: boolean;
  /** Of `acme`. */
  readonly acmeAllowedRanges: readonly string[];
}

/** Throws `EnvironmentInvalid`: a function that is configured wrongly answers nobody. */
export function readEnvironment(
  name: FunctionName,
  variables: { readonly [variable: string]: string | undefined },
): FunctionEnvironment {
  const access = accessOf(name);
  const text = (variable: string): string => {
    const value = variables[variable];
    if (value === undefined || value === '') throw new EnvironmentInvalid(`\`${variable}\` is not set`);
    return value;
  };
  const origin = (variable: string): string => {
    const value = baseUrl(variable);
    if (new URL(value).origin !== value) throw new EnvironmentInvalid(`\`${variable}\` is not an origin`);
    return value;
  };
  const baseUrl = (variable: string): string => {
    const value = text(variable).replace(/\/$/, '');
    if (!/^https?:\/\//.test(value) || !URL.canParse(value))
      throw new EnvironmentInvalid(`\`${variable}\` is not a URL`);
    return value;
  };
  const trustDomain = parseTrustDomain(text(VARIABLES.trustDomain));
  if (!trustDomain.ok) throw new EnvironmentInvalid(`\`${VARIABLES.trustDomain}\` is no trust domain name`);
  return {
    trustDomain: trustDomain.value,
    url: origin(VARIABLES.url),
    table: text(VARIABLES.table),
    bucket: text(VARIABLES.bucket),
    region: text('AWS_REGION'),
    signers: named(Object.keys(access.signingKeys) as SigningKeyName[], (key) => text(keyVariable(key))),
    macs: named(access.macKeys, (key) => text(keyVariable(key))),
    aliasPrefix: usesRolledKey(name) ? text(VARIABLES.keyAliases) : undefined,
    secrets: named(access.secrets, (secret) => text(secretVariable(secret))),
    rotateUrl: access.asksRotate ? baseUrl(VARIABLES.rotateUrl) : undefined,
    ingestUrl: name === 'admin' ? baseUrl(VARIABLES.ingestUrl) : undefined,
    issueUrl: access.asksIssue ? baseUrl(VARIABLES.issueUrl) : undefined,
    functionPrincipals:
      callersOf(name).length > 0
        ? mapOf(VARIABLES.functionPrincipals, text, isFunctionName)
        : new Map<string, FunctionName>(),
    administrators: ADMINISTERED.has(name)
      ? mapOf(VARIABLES.administrators, text, areGrants)
      : new Map<string, readonly Grant[]>(),
    allowLoopbackIssuers: variables[VARIABLES.allowLoopbackIssuers] === '1',
    outboundRangesText: variables[VARIABLES.outboundRanges] ?? '',
    constrainIssuers: variables[VARIABLES.constrainIssuers] === '1',
    acmeAllowedRanges: name === 'acme' ? listOf(variables[VARIABLES.acmeAllowedRanges]) : [],
  };
}

/** Whether a key of the function's row has successors, which are found by their aliases. */
export function usesRolledKey(name: FunctionName): boolean {
  const { root, jwt } = accessOf(name).signingKeys;
  return root !== undefined || jwt !== undefined;
}

/** Other functions that ask this one, at a door of their own. */
export function callersOf(name: FunctionName): readonly FunctionName[] {
  if (name === 'rotate') return FUNCTION_NAMES.filter((caller) => accessOf(caller).asksRotate);
  return name === 'issue' ? FUNCTION_NAMES.filter((caller) => accessOf(caller).asksIssue) : [];
}

const listOf = (text = ''): readonly string[] => text.split(',').filter((member) => member !== '');

/** Functions whose callers are administrators. */
export const ADMINISTERED: ReadonlySet<FunctionName> = new Set<FunctionName>(['admin', 'publish', 'audit']);

function named<Name extends string>(names: readonly Name[], textOf: (name: Name) => string): { [N in Name]?: string } {
  return Object.fromEntries(names.map((name) => [name, textOf(name)])) as { [N in Name]?: string };
}

const isFunctionName = (value: unknown): value is FunctionName =>
  typeof value === 'string' && (FUNCTION_NAMES as readonly string[]).includes(value);

/** A map with a member that is not understood is refused whole: who left it out would be locked out without a word. */
function mapOf<T>(
  variable: string,
  text: (variable: string) => string,
  isMember: (value: unknown) => value is T,
): ReadonlyMap<string, T> {
  let value: unknown;
  try {
    value = JSON.parse(text(variable));
  } catch (cause) {
    if (cause instanceof EnvironmentInvalid) throw cause;
  }
  const members =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined;
  if (members === undefined || !members.every(([principal, member]) => principal !== '' && isMember(member)))
    throw new EnvironmentInvalid(`\`${variable}\` is not a JSON object of the form it should have`);
  return new Map(members as [string, T][]);
}
