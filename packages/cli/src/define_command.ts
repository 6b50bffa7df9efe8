/** Makes a command: its words, `--json`, its examples in `--help`, and what it does. */
import type { Command } from 'commander';
import type { Answer, Cli } from './cli.ts';

export interface CommandDefinition<Options> {
  /** With its arguments, such as `show <id>`. */
  readonly name: string;
  readonly description: string;
  /** Whole command lines, each with what it is for. */
  readonly examples: readonly (readonly [line: string, purpose: string])[];
  readonly configure?: (command: Command) => unknown;
  /** Prints its answer; a command that stays until Ctrl-C prints by itself and answers nothing. */
  readonly run: (cli: Cli, options: Options, args: readonly string[]) => Promise<Answer | undefined>;
}

const examples = new WeakMap<Command, CommandDefinition<never>['examples']>();

/** For the generated reference. */
export function examplesOf(command: Command): CommandDefinition<never>['examples'] {
  return examples.get(command) ?? [];
}

export function defineCommand<Options>(parent: Command, cli: Cli, definition: CommandDefinition<Options>): void {
  const command = parent.command(definition.name).description(definition.description);
  definition.configure?.(command);
  command.option('--json', 'one JSON document on stdout');
  examples.set(command, definition.examples);
  command.addHelpText(
    'after',
    () => `\nExamples:\n${definition.examples.map(([line, purpose]) => `  $ ${line}\n      ${purpose}`).join('\n')}`,
  );
  command.action(async () => {
    const answer = await definition.run(cli, command.opts() as Options, command.args);
    if (answer !== undefined) cli.print(answer);
  });
}
