/** The one stack of a deployment: Postern, and what the command line needs to know of it. */
import { Annotations, CfnOutput, CfnRule, Fn, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { BundleFolders } from './bundle/bundle_functions.ts';
import type { Configuration } from './configuration.ts';
import { Postern } from './postern.ts';

export interface PosternStackProps extends StackProps {
  readonly configuration: Configuration;
  readonly bundles: BundleFolders;
}

const NOBODY_ADMINISTERS =
  'nobody may publish, enter workloads or read the trail: name IAM roles with -c administrators=…, see docs/deploy.md';
const NAME_YOURS = 'name your trust domain: npx cdk deploy -c trustDomain=prod.example.org';

export class PosternStack extends Stack {
  constructor(scope: Construct, id: string, { configuration, bundles, ...props }: PosternStackProps) {
    super(scope, id, {
      description: `Postern ${configuration.trustDomain}: access broker and certificate authority`,
      terminationProtection: configuration.isRetained,
      ...props,
    });
    if (!configuration.isTrustDomainNamed) this.#refuseDeployment();
    if (configuration.administrators.length === 0) this.#say(NOBODY_ADMINISTERS);

    const postern = new Postern(this, 'Postern', { configuration, bundles });

    // The names are what `postern` reads; docs/deploy.md says how.
    this.#output('Region', this.region, 'where it runs');
    this.#output('TrustDomain', configuration.trustDomain, 'what it is the authority of');
    this.#output('PublicUrl', postern.publicUrl, 'the public doors, for agents');
    this.#output('AdminUrl', postern.doorOf('admin').url, 'entries, join tokens and revocations, for administrators');
    this.#output('PublishUrl', postern.doorOf('publish').url, 'releases, for administrators');
    this.#output('AuditUrl', postern.doorOf('audit').url, 'the trail, for administrators');
    this.#output('AuthorizeUrl', postern.doorOf('authorize').url, 'decisions, for proxies');
    this.#output('IngestUrl', postern.doorOf('ingest').url, 'segments of records, for agents');
    this.#output('RotateFunction', postern.functionOf('rotate').lambda.functionName, 'whose first tick makes the root');
  }

  /** A trust domain cannot be renamed, and every identity names it: CloudFormation refuses the example. */
  #refuseDeployment(): void {
    new CfnRule(this, 'TrustDomainIsNamed', {
      assertions: [{ assert: Fn.conditionEquals('example', 'named'), assertDescription: NAME_YOURS }],
    });
    this.#say(`this template has an example's trust domain and cannot be deployed; ${NAME_YOURS}`);
  }

  #say(what: string): void {
    Annotations.of(this).addInfo(what);
  }

  #output(name: string, value: string, description: string): void {
    new CfnOutput(this, name, { value, description });
  }
}
