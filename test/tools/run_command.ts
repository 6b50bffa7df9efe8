import { spawn } from 'node:child_process';
import { installerEnvironment, repositoryFolder } from './places.ts';

/** How a command ended. `output` holds both streams, the last `MAX_OUTPUT_CHARACTERS` of them. */
export type CommandResult = { code: number; output: string };

const MAX_OUTPUT_CHARACTERS = 64 * 1024;
const COMMAND_TIMEOUT_MS = 15 * 60_000;

/** Runs an installer's command to its end without a shell; a command that cannot be started answers with code 127. */
export function runCommand(
  command: string,
  args: string[],
  options: { folder?: string; environment?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.folder ?? repositoryFolder,
      env: { ...installerEnvironment(), ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? COMMAND_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARACTERS);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code, signal) => {
      resolve({ code: code ?? 1, output: signal === null ? output : `${output}\nended by ${signal}` });
    });
  });
}

/** The one line of a command's output that says most: the last that names an error, else the last of all. */
export function summaryLine(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const telling = lines.findLast((line) => /error|not found|no module|denied|refused|requires/i.test(line));
  return (telling ?? lines.at(-1) ?? 'no output').slice(0, 200);
}
