import { FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import { waitUntil } from '../wait.ts';
import type { AwsCalls } from './aws_calls.ts';

export type DeployedFunction = {
  /** The platform's own name for it. */
  functionName: string;
  logGroupName: string;
  timeoutSeconds: number;
  variables: Readonly<Record<string, string>>;
};

export type DeployedFunctions = Readonly<Record<FunctionName, DeployedFunction>>;

type Configuration = {
  FunctionName: string;
  Timeout: number;
  LoggingConfig: { LogGroup: string };
  Environment?: { Variables?: Record<string, string> };
};

const PATH = '/2015-03-31/functions';
const CHANGE_TIMEOUT_MS = 10_000;

/** The functions of the one deployment there is, by their names in `ACCESS`. */
export async function findFunctions(aws: AwsCalls): Promise<DeployedFunctions> {
  const { Functions } = await aws.rest<{ Functions: Configuration[] }>('lambda', 'GET', `${PATH}/?MaxItems=50`);
  const found = FUNCTION_NAMES.map((name): [FunctionName, DeployedFunction] => {
    const known = Functions.find(({ FunctionName }) => FunctionName.includes(`Postern${name}Function`));
    if (known === undefined) throw new Error(`\`${name}\` is not deployed`);
    const { FunctionName: functionName, Timeout: timeoutSeconds, LoggingConfig, Environment } = known;
    const { LogGroup: logGroupName } = LoggingConfig;
    return [name, { functionName, logGroupName, timeoutSeconds, variables: Environment?.Variables ?? {} }];
  });
  return Object.fromEntries(found) as Record<FunctionName, DeployedFunction>;
}

/** An invocation past the front door, as a schedule makes it. Throws what the function threw. */
export async function invokeFunction(aws: AwsCalls, functionName: string, event: object): Promise<unknown> {
  const answer = await aws.rest<{ errorMessage?: string } | null>(
    'lambda',
    'POST',
    `${PATH}/${functionName}/invocations`,
    event,
  );
  if (answer?.errorMessage !== undefined) throw new Error(`\`${functionName}\` fails: ${answer.errorMessage}`);
  return answer;
}

/** Adds to a function's variables, or changes them; instances that run are given up, so that the next call starts cold. */
export async function changeVariables(
  aws: AwsCalls,
  { functionName, variables }: DeployedFunction,
  changes: Readonly<Record<string, string>>,
): Promise<void> {
  const path = `${PATH}/${functionName}/configuration`;
  await aws.rest('lambda', 'PUT', path, { Environment: { Variables: { ...variables, ...changes } } });
  await waitUntil(`\`${functionName}\` to be changed`, CHANGE_TIMEOUT_MS, async () => {
    const { LastUpdateStatus } = await aws.rest<{ LastUpdateStatus?: string }>('lambda', 'GET', path);
    return LastUpdateStatus !== 'InProgress';
  });
}
