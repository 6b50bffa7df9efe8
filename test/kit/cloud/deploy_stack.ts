import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { repositoryFolder } from '../../tools/places.ts';
import { ACCOUNT } from '../ministack.ts';
import { runToEnd } from '../process.ts';
import type { AwsAccess } from './aws_calls.ts';
import { awsEnvironment } from './aws_environment.ts';

/** What the stack says of itself; the command line reads the same file. */
export type Outputs = Readonly<
  Record<
    | 'Region'
    | 'TrustDomain'
    | 'PublicUrl'
    | 'AdminUrl'
    | 'PublishUrl'
    | 'AuditUrl'
    | 'AuthorizeUrl'
    | 'IngestUrl'
    | 'RotateFunction',
    string
  >
>;

export type DeployedStack = {
  outputs: Outputs;
  /** As `cdk deploy --outputs-file` wrote it. */
  outputsFile: string;
};

export type DeployStep = 'bootstrapped' | 'synthesised' | 'deployed';

export type DeployOptions = {
  access: AwsAccess;
  /** Existing; bundles, template and outputs go there. */
  folder: string;
  /** The deployment's configuration, as `-c KEY=VALUE`. */
  context: Readonly<Record<string, string>>;
  onStep?: (step: DeployStep) => void;
};

const CDK = join(repositoryFolder, 'node_modules/aws-cdk/bin/cdk');
const SYNTHESISE = join(import.meta.dirname, 'synthesise.ts');

/** The CDK's own command line against the stand-in: `bootstrap` and `synth` side by side, then `deploy`. */
export async function deployStack({
  access,
  folder,
  context,
  onStep = () => {},
}: DeployOptions): Promise<DeployedStack> {
  const environment = environmentOf(access, folder);
  const assembly = join(folder, 'cdk.out');
  const outputsFile = join(folder, 'outputs.json');
  const cdk = (name: string, workingFolder: string, args: readonly string[]) =>
    runToEnd({
      name: `cdk ${name}`,
      command: process.execPath,
      args: [CDK, name, ...args],
      folder: workingFolder,
      environment,
    });
  const app = `node ${SYNTHESISE} ${join(folder, 'build')}`;
  const values = Object.entries(context).flatMap(([key, value]) => ['--context', `${key}=${value}`]);

  await Promise.all([
    // Elsewhere than beside `cdk.json`, whose application it would run.
    cdk('bootstrap', folder, [`aws://${ACCOUNT}/${access.region}`]).then(() => onStep('bootstrapped')),
    cdk('synth', repositoryFolder, ['--quiet', '--app', app, '--output', assembly, ...values]).then(() =>
      onStep('synthesised'),
    ),
  ]);
  const quietly = ['--require-approval', 'never', '--progress', 'events'];
  await cdk('deploy', folder, ['--app', assembly, '--outputs-file', outputsFile, ...quietly]);
  onStep('deployed');
  const [outputs] = Object.values(JSON.parse(await readFile(outputsFile, 'utf8')) as { [stack: string]: Outputs });
  if (outputs === undefined) throw new Error('the stack has no outputs');
  return { outputs, outputsFile };
}

function environmentOf(access: AwsAccess, folder: string): Record<string, string | undefined> {
  return {
    ...awsEnvironment(access),
    PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    // Whatever else the tools keep of a user, such as ~/.aws and ~/.cdk.
    HOME: folder,
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    CDK_DISABLE_VERSION_CHECK: 'true',
    CI: 'true',
    NO_COLOR: '1',
  };
}
