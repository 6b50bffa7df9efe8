/** Why something did not work: what the functions logged, which a caller is not told. */
import { readFunctionLogs } from '../../../test/kit/cloud/function_logs.ts';
import type { CloudControlPlane } from './control_plane.ts';

const MAX_LINES = 5;

/** Does the work; when it fails, the message ends with the newest faults in the functions' logs. */
export async function explainingFaults<T>(plane: CloudControlPlane, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const lines = await readFaults(plane);
    const logged = lines.length === 0 ? '' : `\nlogged by the functions:\n${lines.join('\n')}`;
    throw new Error((cause as Error).message + logged, { cause });
  }
}

async function readFaults({ aws, functions }: CloudControlPlane): Promise<readonly string[]> {
  const logs = await Promise.all(
    Object.entries(functions).map(async ([name, { logGroupName }]) => {
      const lines = await readFunctionLogs(aws, logGroupName);
      return lines.filter((line) => /"level":"(error|warn)"/.test(line)).map((line) => `  ${name}: ${line}`);
    }),
  );
  return logs.flat().slice(-MAX_LINES);
}
