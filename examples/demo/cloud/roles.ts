/** Who calls: the IAM roles of the demo, which exist before the deployment that names them. */
import type { AwsAccess, AwsCalls } from '../../../test/kit/cloud/aws_calls.ts';
import { assumeRole, createRole, roleArn } from '../../../test/kit/cloud/roles.ts';

export const ROLES = {
  /** May change Postern. */
  administrator: 'postern-administrator',
  /** The two Envoys. */
  payments: 'payments-envoy',
  storefront: 'storefront-envoy',
  /** The node that the agent runs on. */
  node: 'demo-node',
  /** Configured nowhere, and granted nothing. */
  stranger: 'stranger',
  /** Configured nowhere, although its account lets it call every function. */
  overpowered: 'overpowered',
} as const;
export type RoleName = keyof typeof ROLES;

export const arnOf = (role: RoleName): string => roleArn(ROLES[role]);

/** Who is configured has no policy of its own: what the deployment grants is all that lets it in. */
export async function createRoles(aws: AwsCalls): Promise<void> {
  const everything = [{ Effect: 'Allow', Action: 'lambda:*', Resource: '*' }] as const;
  await Promise.all(
    Object.values(ROLES).map((name) => createRole(aws, name, name === ROLES.overpowered ? everything : [])),
  );
}

/** As the platform hands it to a machine or a person. */
export async function accessAs(root: AwsAccess, aws: AwsCalls, role: RoleName): Promise<AwsAccess> {
  return { ...root, credentials: await assumeRole(aws, arnOf(role), 'demo') };
}
