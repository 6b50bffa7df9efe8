/** What linters may go on finding, and why it stays. One table for all of them. */

export interface Finding {
  readonly linter: 'cdk-nag' | 'cfn-lint';
  readonly rule: string;
  /** Path of the construct, or of the place in the template. */
  readonly where: string;
}

interface Suppression {
  readonly linter: Finding['linter'];
  readonly rule: RegExp;
  readonly where: RegExp;
  readonly because: string;
}

export const SUPPRESSIONS: readonly Suppression[] = [
  {
    linter: 'cdk-nag',
    rule: /^AwsSolutions-S1$/,
    where: /\/Objects\/Bucket\//,
    because:
      'server access logs need a second bucket and are best-effort; an account that wants to know who read an object turns on data events of CloudTrail, which are complete',
  },
  {
    linter: 'cdk-nag',
    rule: /^AwsSolutions-SMG4$/,
    where: /\/Secrets\/posture-webhook\//,
    because: 'the other half is with the device management, which has to be told of a new one: docs/deploy.md says how',
  },
  {
    linter: 'cdk-nag',
    rule: /^AwsSolutions-IAM5\[Resource::<PosternObjectsBucket\w+\.Arn>\/(authority|releases|segments)\/\*\]$/,
    where: /\/Role\/DefaultPolicy\//,
    because: 'a folder of objects: their names are numbers that come later',
  },
  {
    linter: 'cdk-nag',
    rule: /^AwsSolutions-IAM5\[Resource::arn:\S+:secret:postern\/[a-z.]+\/attestor\/\*\]$/,
    where: /\/issue\/Role\/DefaultPolicy\//,
    because:
      'secrets that attestors name: an operator makes them after the deployment, below a prefix that is theirs alone',
  },
  {
    linter: 'cdk-nag',
    rule: /^AwsSolutions-IAM5\[Resource::(?:\*|arn:\S+:kms:\S+:(?:key\/\*|alias\/\w+\/(?:root|issuer|jwt)-\*))\]$/,
    where: /\/rotate\/Role\/DefaultPolicy\//,
    because:
      'a later generation of a key has no ARN before it is made: what is made carries the deployment’s tags, and its aliases are those of its name',
  },
  {
    linter: 'cdk-nag',
    rule: /^AwsSolutions-APIG4$/,
    where: /\/PublicApi\/Api\//,
    because: 'the public doors are for callers whom IAM does not know; each authenticates its own proof',
  },
  {
    linter: 'cfn-lint',
    rule: /^W3005$/,
    where: /^Resources\/Postern\w+Function\w+\/DependsOn\/\d+$/,
    because: 'the CDK makes a function wait for its role and for the policy of it; one of the two says itself twice',
  },
  {
    linter: 'cfn-lint',
    rule: /^W8003$/,
    where: /^Rules\/TrustDomainIsNamed\//,
    because: 'the assertion that refuses to deploy an example is meant to be false always',
  },
];

export function isSuppressed({ linter, rule, where }: Finding): boolean {
  return SUPPRESSIONS.some((any) => any.linter === linter && any.rule.test(rule) && any.where.test(where));
}

/** Suppressions that nothing needs any more. */
export function unusedSuppressions(linter: Finding['linter'], findings: readonly Finding[]): string[] {
  return SUPPRESSIONS.filter((any) => any.linter === linter)
    .filter((any) => !findings.some(({ rule, where }) => any.rule.test(rule) && any.where.test(where)))
    .map(({ rule }) => rule.source);
}
