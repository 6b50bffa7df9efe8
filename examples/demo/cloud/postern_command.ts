/** The `postern` command line, as an administrator runs it against the deployment. */
import { join } from 'node:path';
import type { AwsAccess } from '../../../test/kit/cloud/aws_calls.ts';
import { awsEnvironment } from '../../../test/kit/cloud/aws_environment.ts';
import { startProcess } from '../../../test/kit/process.ts';

export type PosternCommand = (
  ...args: readonly string[]
) => Promise<{ readonly code: number; readonly output: string }>;

const POSTERN = join(import.meta.dirname, '../../../packages/cli/src/main.ts');

/** `outputsFile`: of `cdk deploy`. */
export function createPosternCommand(access: AwsAccess, outputsFile: string): PosternCommand {
  return async (...args) => {
    const command = await startProcess({
      name: `postern ${args.slice(0, 2).join(' ')}`,
      command: process.execPath,
      args: [POSTERN, ...args],
      environment: { ...awsEnvironment(access), POSTERN_DEPLOYMENT: outputsFile, POSTERN_URL: undefined },
    });
    const { code } = await command.exited;
    return { code: code ?? 1, output: command.output.text() };
  };
}

/** For what has to succeed. */
export async function mustRun(postern: PosternCommand, ...args: readonly string[]): Promise<string> {
  const { code, output } = await postern(...args);
  if (code !== 0) throw new Error(`\`postern ${args.slice(0, 2).join(' ')}\` ends with exit code ${code}\n${output}`);
  return output;
}
