/**
 * The command lines of what `npm run` starts. Each has `--help` with examples and exit code 0; a mistake is one line that
 * names it, one that says where to look, and exit code 2.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type ValuesOf<O extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: O }>>['values'];

export interface CommandLine<O extends Options> {
  /** `--help` and `-h` are there besides. */
  readonly options: O;
  /** What may stand beside options: anything, or some of these words; nothing when absent. */
  readonly words?: 'any' | readonly string[];
}

export interface Program<O extends Options> extends CommandLine<O> {
  /** As it is typed, such as `npm run synth`. */
  readonly name: string;
  readonly usage: string;
}

interface Parsed<O extends Options> {
  readonly values: ValuesOf<O>;
  readonly words: readonly string[];
}

/** A mistake of whoever typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const MAX_WORD_CHARS = 100;

/** Throws `UsageError`. */
export function parseCommandLine<const O extends Options>(
  { options, words }: CommandLine<O>,
  args: readonly string[] = process.argv.slice(2),
): Parsed<O> | 'help' {
  if (args.includes('--help') || args.includes('-h')) return 'help';
  let parsed: { readonly values: object; readonly positionals: readonly string[] };
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: words !== undefined });
  } catch (cause) {
    // Behind its first sentence Node explains itself.
    throw new UsageError(shortened((cause as Error).message.split('. ')[0] ?? ''), { cause });
  }
  const known = words === 'any' ? parsed.positionals : (words ?? []);
  const unknown = parsed.positionals.find((word) => !known.includes(word));
  if (unknown !== undefined)
    throw new UsageError(`\`${shortened(unknown)}\` is not known here; known are ${known.join(', ')}`);
  return { values: parsed.values as ValuesOf<O>, words: parsed.positionals };
}

/** The same for a program that has nothing to clean up: it has ended when this does not return. */
export function readCommandLine<const O extends Options>(program: Program<O>): Parsed<O> {
  try {
    const parsed = parseCommandLine(program);
    if (parsed !== 'help') return parsed;
    process.stdout.write(program.usage);
    return process.exit(0);
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault;
    return endMistaken(program, fault.message);
  }
}

/** Also for what only the program itself can tell to be a mistake. */
export function endMistaken({ name }: Pick<Program<Options>, 'name'>, message: string): never {
  process.stderr.write(`error: ${message}\ntry: ${name} -- --help\n`);
  return process.exit(2);
}

function shortened(text: string): string {
  return text.length <= MAX_WORD_CHARS ? text : `${text.slice(0, MAX_WORD_CHARS)}…`;
}
