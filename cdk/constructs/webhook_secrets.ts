/**
 * Secrets that an outside party holds the other half of. Each is made by AWS and never seen by CloudFormation; an operator
 * reads it once, to give it to the party that signs with it.
 */
import { accessOf, FUNCTION_NAMES, type SecretName } from '@postern/functions/access';
import { RemovalPolicy } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';

/** Of letters and digits: 43 would be 256 bits. */
const SECRET_CHARACTERS = 64;

const PURPOSES: { readonly [S in SecretName]: string } = {
  'posture-webhook': 'device management signs its webhooks with it',
};

export class WebhookSecrets extends Construct {
  readonly #secrets = new Map<SecretName, Secret>();

  constructor(scope: Construct, id: string, { trustDomain, isRetained }: { trustDomain: string; isRetained: boolean }) {
    super(scope, id);
    for (const name of new Set(FUNCTION_NAMES.flatMap((any) => accessOf(any).secrets))) {
      const secret = new Secret(this, name, {
        description: `Postern ${trustDomain}: ${PURPOSES[name]}`,
        generateSecretString: { passwordLength: SECRET_CHARACTERS, excludePunctuation: true },
        removalPolicy: isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      });
      this.#secrets.set(name, secret);
    }
  }

  arnOf(name: SecretName): string {
    return this.#secretOf(name).secretArn;
  }

  grantRead(role: IRole, name: SecretName): void {
    const resources = [this.#secretOf(name).secretArn];
    const sid = `Read${name.split('-').map(capitalised).join('')}`;
    role.addToPrincipalPolicy(new PolicyStatement({ sid, actions: ['secretsmanager:GetSecretValue'], resources }));
  }

  #secretOf(name: SecretName): Secret {
    const secret = this.#secrets.get(name);
    if (secret === undefined) throw new TypeError(`no function's row names the secret \`${name}\``);
    return secret;
  }
}

const capitalised = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1);
