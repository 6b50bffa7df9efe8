/**
 * Secrets that attestors' settings name, such as a token for a cluster's API server: an operator makes them, below one
 * prefix, and the function that attests may read what is there and nothing else.
 */
import { attestorSecretPrefix } from '@postern/functions/environment';
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';

export function grantReadAttestorSecrets(role: IRole, trustDomain: string): void {
  const arn = Stack.of(role).formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${attestorSecretPrefix(trustDomain)}*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  role.addToPrincipalPolicy(
    new PolicyStatement({
      sid: 'ReadAttestorSecrets',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [arn],
    }),
  );
}
