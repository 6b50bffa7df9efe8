import type { AwsCalls } from './aws_calls.ts';

/** All that a function has written so far, a line each; nothing when it has not run. `logGroupName`: the function's own. */
export async function readFunctionLogs(aws: AwsCalls, logGroupName: string): Promise<string[]> {
  const lines: string[] = [];
  let nextToken: string | undefined;
  do {
    const page: { events?: { message: string }[]; nextToken?: string } = await aws
      .json<typeof page>('logs', 'Logs_20140328.FilterLogEvents', { logGroupName, nextToken })
      .catch(() => ({}));
    lines.push(...(page.events ?? []).map(({ message }) => message.trimEnd()));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return lines;
}
