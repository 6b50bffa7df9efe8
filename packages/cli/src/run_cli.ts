/**
 * Runs one command line from arguments to exit code. Every failure ends the same way: one line that says what went
 * wrong, one that says what to do, and with `--json` the same as the document on stdout.
 */
import { type Command, CommanderError } from 'commander';
import { type Cli, createCli } from './cli.ts';
import { EXIT_CODES } from './exit_codes.ts';
import { CommandFailure } from './failure.ts';
import type { CliIo } from './io.ts';
import { createProgram } from './program.ts';
import { printable, printableJson } from './terminal_text.ts';

const SHOWN = new Set(['commander.helpDisplayed', 'commander.version']);
/** A command of commands, called by itself: the help was printed. */
const INCOMPLETE = 'commander.help';

/** `argv`: without the program's own name. Never throws; answers the exit code. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const end = argv.indexOf('--');
  const cli = createCli(io, (end < 0 ? argv : argv.slice(0, end)).includes('--json'));
  const program = createProgram(cli);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return cli.programExit ?? EXIT_CODES[cli.exit].code;
  } catch (fault) {
    if (fault instanceof CommanderError && SHOWN.has(fault.code)) return EXIT_CODES.ok.code;
    if (fault instanceof CommanderError && fault.code === INCOMPLETE && !cli.isJson) return EXIT_CODES.usage.code;
    const failure = failureOf(fault, program, argv);
    report(cli, failure);
    if (io.environment['POSTERN_DEBUG'] === '1' && fault instanceof Error) io.err(`${describeStack(fault)}\n`);
    return EXIT_CODES[failure.exit].code;
  }
}

function failureOf(fault: unknown, program: Command, argv: readonly string[]): CommandFailure {
  if (fault instanceof CommandFailure) return fault;
  if (fault instanceof CommanderError) {
    const [first = '', ...rest] = fault.message.replace(/^error: /, '').split('\n');
    const message = fault.code === INCOMPLETE ? 'a command is missing' : first;
    const help = [...commandPath(program, argv), '--help'].join(' ');
    const suggestion = rest.join(' ').replace(/^\(Did|\)$/g, (part) => (part === ')' ? '' : 'did'));
    const advice = suggestion === '' ? help : `${suggestion} see ${help}`;
    return new CommandFailure('usage', 'command-line', message, advice);
  }
  const message = fault instanceof Error ? `${fault.name}: ${fault.message}` : 'unknown fault';
  return new CommandFailure(
    'internal',
    'internal',
    message,
    'run it again with POSTERN_DEBUG=1 in the environment, and report what it prints',
  );
}

function report({ io, isJson, paintErr }: Cli, failure: CommandFailure): void {
  const { exit, reason, message, advice, members, text } = failure;
  const { code: exitCode } = EXIT_CODES[exit];
  if (isJson) io.out(`${printableJson({ error: { ...members, reason, message, advice, exitCode } }, 2)}\n`);
  else if (text !== '') io.err(`${text}\n`);
  io.err(`${paintErr('red', 'error:')} ${printable(message)}\n${paintErr('dim', 'try:')} ${printable(advice)}\n`);
}

/** The words of the command that was meant, as far as there is one. */
function commandPath(program: Command, argv: readonly string[]): string[] {
  const path = [program.name()];
  let command: Command | undefined = program;
  for (const word of argv) {
    command = command?.commands.find((candidate) => candidate.name() === word);
    if (command === undefined) break;
    path.push(command.name());
  }
  return path;
}

function describeStack(fault: Error): string {
  const cause = fault.cause instanceof Error ? `\ncaused by ${describeStack(fault.cause)}` : '';
  return `${fault.stack ?? fault.message}${cause}`;
}
