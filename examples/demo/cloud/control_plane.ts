/** The demo's control plane on a stand-in for AWS: deployed by the CDK's command line, called by whoever IAM lets in. */
import { PATHS } from '@postern/api';
import { type AwsAccess, type AwsCalls, createAwsCalls } from '../../../test/kit/cloud/aws_calls.ts';
import { type DeployedStack, type DeployStep, deployStack } from '../../../test/kit/cloud/deploy_stack.ts';
import { type DeployedFunctions, findFunctions, invokeFunction } from '../../../test/kit/cloud/deployed_functions.ts';
import { signAs } from '../../../test/kit/cloud/function_url.ts';
import { type PublicFront, startPublicFront } from '../../../test/kit/cloud/public_front.ts';
import { type RunningMiniStack, startMiniStack } from '../../../test/kit/ministack.ts';
import { createAdminClient, type SendAdminCall } from '../admin_client.ts';
import type { Cleanup } from '../cleanup.ts';
import { type DemoControlPlane, startProvider } from '../control_plane.ts';
import { type Places, TRUST_DOMAIN } from '../places.ts';
import { createPosternCommand, type PosternCommand } from './postern_command.ts';
import { accessAs, arnOf, createRoles } from './roles.ts';

export interface CloudControlPlane extends DemoControlPlane, DeployedStack {
  readonly ministack: RunningMiniStack;
  /** As the owner of the account, who is nobody to Postern. */
  readonly root: AwsAccess;
  readonly aws: AwsCalls;
  readonly administrator: AwsAccess;
  readonly postern: PosternCommand;
  readonly functions: DeployedFunctions;
}

export interface DeployOptions {
  readonly onStep: (step: string) => void;
  /** Before any function has run. */
  readonly beforeFirstTick?: (aws: AwsCalls, functions: DeployedFunctions, root: AwsAccess) => Promise<void>;
}

const DEPLOY_STEPS = {
  bootstrapped: 'account prepared     cdk bootstrap',
  synthesised: 'bundled, synthesised cdk synth',
  deployed: 'deployed             cdk deploy --outputs-file',
} as const satisfies { readonly [S in DeployStep]: string };

/** Ends with everything deployed, the first tick done and nothing seeded. */
export async function deployControlPlane(
  places: Places,
  cleanup: Cleanup,
  { onStep, beforeFirstTick = async () => {} }: DeployOptions,
): Promise<CloudControlPlane> {
  const ministack = await startMiniStack({ enforcesIam: true });
  cleanup.add('MiniStack', () => ministack.stop());
  const root = ministack.clientConfig;
  onStep(`stand-in for AWS     ${root.endpoint} (MiniStack; IAM enforced)`);
  const aws = createAwsCalls(root);
  const [front, provider] = await Promise.all([startPublicFront(), startProvider(places, cleanup), createRoles(aws)]);
  cleanup.add('public front', () => front.stop());

  const stack = await deployStack({
    access: root,
    folder: places.dir,
    context: contextOf(front),
    onStep: (deployStep) => onStep(DEPLOY_STEPS[deployStep]),
  });
  front.forwardTo(root.endpoint, await hostOfApi(aws));
  const [functions, administrator] = await Promise.all([findFunctions(aws), accessAs(root, aws, 'administrator')]);
  await beforeFirstTick(aws, functions, root);
  await invokeFunction(aws, stack.outputs.RotateFunction, { postern: 'tick' });
  onStep('first tick           the root certificate is made, with the root key in KMS');

  return {
    ...stack,
    url: front.url,
    provider,
    admin: createAdminClient(sendSigned(stack, administrator)),
    postureSecret: await readPostureSecret(aws, functions),
    ministack,
    root,
    aws,
    administrator,
    postern: createPosternCommand(administrator, stack.outputsFile),
    functions,
  };
}

/** What whoever deploys to an account of theirs types as `-c KEY=VALUE`. */
function contextOf({ url }: PublicFront): Readonly<Record<string, string>> {
  return {
    trustDomain: TRUST_DOMAIN,
    administrators: JSON.stringify({ [arnOf('administrator')]: ['security-administrator'] }),
    enforcementPoints: [arnOf('payments'), arnOf('storefront')].join(','),
    ingestPrincipals: arnOf('node'),
    publicUrl: url,
    retain: 'false',
    allowLoopbackIssuers: 'true',
  };
}

/** Whom the stand-in routes to an HTTP API by. */
async function hostOfApi(aws: AwsCalls): Promise<string> {
  const { items } = await aws.rest<{ items: { apiEndpoint: string }[] }>('apigateway', 'GET', '/v2/apis');
  const [api] = items;
  if (api === undefined) throw new Error('no HTTP API is deployed');
  return new URL(api.apiEndpoint).host;
}

async function readPostureSecret(aws: AwsCalls, { signals }: DeployedFunctions): Promise<Uint8Array> {
  const SecretId = signals.variables['POSTERN_SECRET_POSTURE_WEBHOOK'];
  const secret = await aws.json<{ SecretString: string }>('secretsmanager', 'secretsmanager.GetSecretValue', {
    SecretId,
  });
  return Buffer.from(secret.SecretString);
}

/** The door of each kind of work, guarded by IAM. */
export function sendSigned({ outputs }: DeployedStack, { credentials }: AwsAccess): SendAdminCall {
  const send = signAs(credentials);
  const { releases, records, trail } = PATHS.admin;
  const doorOf = (path: string): string => {
    if (path.startsWith(releases)) return outputs.PublishUrl;
    return path.startsWith(records) || path.startsWith(trail) ? outputs.AuditUrl : outputs.AdminUrl;
  };
  return ({ method, path, body }) =>
    send(doorOf(path).replace(/\/$/, '') + path, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body }),
    });
}
