/** The variables of each function, by its row of `ACCESS`: the other half of `readEnvironment`. */
import { accessOf, type FunctionName, type SecretName } from '@postern/functions/access';
import {
  ADMINISTERED,
  callersOf,
  keyVariable,
  secretVariable,
  usesRolledKey,
  VARIABLES,
} from '@postern/functions/environment';
import type { MacKeyName, SigningKeyName } from '@postern/keys';
import { type Configuration, formatAdministrators } from './configuration.ts';

/** What there is to name. */
export interface Deployed {
  readonly configuration: Configuration;
  readonly publicUrl: string;
  readonly table: string;
  readonly bucket: string;
  readonly rotateUrl: string;
  readonly ingestUrl: string;
  readonly issueUrl: string;
  readonly keyAliases: string;
  keyArn(name: SigningKeyName | MacKeyName): string;
  secretArn(name: SecretName): string;
  /** Of each function's role, in the form that calls are compared with. */
  readonly principals: ReadonlyMap<FunctionName, string>;
}

/** Token issuers and federated endpoints. */
const ASKS_OUTSIDE: ReadonlySet<FunctionName> = new Set<FunctionName>(['issue', 'publish']);

export function variablesOf(name: FunctionName, deployed: Deployed): { readonly [variable: string]: string } {
  const { configuration } = deployed;
  const { signingKeys, macKeys, secrets, asksRotate, asksIssue } = accessOf(name);
  const callers = callersOf(name);
  const keys = [...(Object.keys(signingKeys) as SigningKeyName[]), ...macKeys];
  return {
    [VARIABLES.trustDomain]: configuration.trustDomain,
    [VARIABLES.url]: deployed.publicUrl,
    [VARIABLES.table]: deployed.table,
    [VARIABLES.bucket]: deployed.bucket,
    ...Object.fromEntries(keys.map((key) => [keyVariable(key), deployed.keyArn(key)])),
    ...(usesRolledKey(name) && { [VARIABLES.keyAliases]: deployed.keyAliases }),
    ...Object.fromEntries(secrets.map((secret) => [secretVariable(secret), deployed.secretArn(secret)])),
    ...(asksRotate && { [VARIABLES.rotateUrl]: deployed.rotateUrl }),
    ...(asksIssue && { [VARIABLES.issueUrl]: deployed.issueUrl }),
    ...(name === 'admin' && { [VARIABLES.ingestUrl]: deployed.ingestUrl }),
    ...(callers.length > 0 && { [VARIABLES.functionPrincipals]: formatPrincipals(callers, deployed.principals) }),
    ...(ADMINISTERED.has(name) && { [VARIABLES.administrators]: formatAdministrators(configuration.administrators) }),
    ...(name === 'acme' &&
      configuration.acmeAllowedRanges.length > 0 && {
        [VARIABLES.acmeAllowedRanges]: configuration.acmeAllowedRanges.join(','),
      }),
    ...(name === 'rotate' && configuration.constrainIssuers && { [VARIABLES.constrainIssuers]: '1' }),
    ...(ASKS_OUTSIDE.has(name) &&
      configuration.outboundRanges.length > 0 && {
        [VARIABLES.outboundRanges]: configuration.outboundRanges.join(','),
      }),
    ...(configuration.allowLoopbackIssuers && { [VARIABLES.allowLoopbackIssuers]: '1' }),
  };
}

/** JSON, put together by hand: what CloudFormation fills in later cannot be an object's key, and needs no escaping. */
function formatPrincipals(callers: readonly FunctionName[], principals: Deployed['principals']): string {
  return `{${callers.map((name) => `"${principals.get(name)}":"${name}"`).join(',')}}`;
}
