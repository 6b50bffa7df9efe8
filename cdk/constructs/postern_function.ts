/**
 * One function: its bundle, its own role, its own log group. The role may write that log and nothing else until a verb of
 * another construct gives it more; no managed policy, since those name every log group of the account.
 *
 * No reserved concurrency: it would be taken from an account's other functions, and a new account has ten in all. The
 * throttles of the HTTP API bound what strangers can start.
 */

import { TICK_EVENT } from '@postern/aws/lambda';
import { accessOf, type FunctionName } from '@postern/functions/access';
import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunctionResource, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { FUNCTION_SIZES } from '../function_sizes.ts';

/** What happened is in the trail, for 400 days; a log is for finding out why something failed. */
export const LOG_RETENTION = RetentionDays.ONE_MONTH;

/** The shortest that EventBridge and Lambda take. */
const TICK_MAX_AGE = Duration.minutes(1);

export class PosternFunction extends Construct {
  readonly name: FunctionName;
  readonly role: Role;
  readonly lambda: LambdaFunctionResource;

  constructor(
    scope: Construct,
    name: FunctionName,
    { bundleFolder, logRemoval }: { bundleFolder: string; logRemoval: RemovalPolicy },
  ) {
    super(scope, name);
    this.name = name;
    const { memoryMb, timeoutSeconds, description } = FUNCTION_SIZES[name];
    const logGroup = new LogGroup(this, 'Log', { retention: LOG_RETENTION, removalPolicy: logRemoval });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `Postern: ${description}`,
    });
    this.role.addToPolicy(
      new PolicyStatement({
        sid: 'WriteLog',
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    );
    this.lambda = new LambdaFunctionResource(this, 'Function', {
      description: `Postern: ${description}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: Code.fromAsset(bundleFolder),
      memorySize: memoryMb,
      timeout: Duration.seconds(timeoutSeconds),
      role: this.role,
      logGroup,
    });
    const { tickMinutes } = accessOf(name);
    if (tickMinutes !== undefined) this.#tickEvery(Duration.minutes(tickMinutes));
  }

  /** Set once each: what a function is told is what its row of `ACCESS` says it needs. */
  configure(variables: { readonly [variable: string]: string }): void {
    for (const [variable, value] of Object.entries(variables)) this.lambda.addEnvironment(variable, value);
  }

  /** A tick that failed is not tried again and has no dead-letter queue: the next one is, and does all that it left. */
  #tickEvery(interval: Duration): void {
    this.lambda.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: TICK_MAX_AGE });
    new Rule(this, 'Tick', {
      description: `Postern: scheduled work of \`${this.name}\``,
      schedule: Schedule.rate(interval),
      targets: [
        new LambdaFunction(this.lambda, {
          event: RuleTargetInput.fromObject(TICK_EVENT),
          retryAttempts: 0,
          maxEventAge: TICK_MAX_AGE,
        }),
      ],
    });
  }
}
