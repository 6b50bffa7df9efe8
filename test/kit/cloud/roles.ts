import type { AwsCredentials } from '@postern/aws/signed-fetch';
import { ACCOUNT } from '../ministack.ts';
import type { AwsCalls } from './aws_calls.ts';

export type Statement = { Effect: 'Allow' | 'Deny'; Action: string | string[]; Resource: string | string[] };

const IAM_VERSION = '2010-05-08';
const STS_VERSION = '2011-06-15';

export const roleArn = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;

/** A role that anybody of the account may take on, and that may do what `statements` say. Answers its ARN. */
export async function createRole(aws: AwsCalls, name: string, statements: readonly Statement[] = []): Promise<string> {
  const trust = [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sts:AssumeRole' }];
  await aws.query('iam', IAM_VERSION, 'CreateRole', {
    RoleName: name,
    AssumeRolePolicyDocument: documentOf(trust),
  });
  if (statements.length > 0)
    await aws.query('iam', IAM_VERSION, 'PutRolePolicy', {
      RoleName: name,
      PolicyName: 'all',
      PolicyDocument: documentOf(statements),
    });
  return roleArn(name);
}

/** Temporary credentials of a role, as a machine gets them from its platform. */
export async function assumeRole(aws: AwsCalls, arn: string, session: string): Promise<Required<AwsCredentials>> {
  const xml = await aws.query('sts', STS_VERSION, 'AssumeRole', { RoleArn: arn, RoleSessionName: session });
  const text = (element: string): string => {
    const found = new RegExp(`<${element}>([^<]+)</${element}>`).exec(xml)?.[1];
    if (found === undefined) throw new Error(`STS answers without ${element}`);
    return found;
  };
  return {
    accessKeyId: text('AccessKeyId'),
    secretAccessKey: text('SecretAccessKey'),
    sessionToken: text('SessionToken'),
  };
}

/** As the AWS SDKs, Envoy and the AWS command line find them. */
export function credentialVariables(credentials: AwsCredentials): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
  };
}

function documentOf(statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}
