import type { AwsAccess } from './aws_calls.ts';
import { credentialVariables } from './roles.ts';

/**
 * Variables for a program that calls the stand-in, as whom `access` says. All AWS settings of whoever starts it are taken
 * away: with a profile of theirs, their own account would be called.
 */
export function awsEnvironment({ endpoint, region, credentials }: AwsAccess): Record<string, string | undefined> {
  const theirs = Object.keys(process.env).filter((name) => name.startsWith('AWS_'));
  return {
    ...Object.fromEntries(theirs.map((name) => [name, undefined])),
    ...credentialVariables(credentials),
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
  };
}
