import { createCli, createProgram, EXIT_CODES, examplesOf } from '@postern/cli';
import { formatMarkdownTable } from './markdown.ts';

type Command = ReturnType<typeof createProgram>;

/** From the definitions that the program itself is made of, with an environment of nothing. */
export function cliReference(): string {
  const io = {
    out: () => {},
    err: () => {},
    hasOutColours: false,
    hasErrColours: false,
    environment: {},
    folder: '/',
    nowMs: () => 0,
    interrupted: () => new AbortController().signal,
    hasTerminal: false,
    onSignals: () => () => {},
  };
  const program = createProgram(createCli(io, false));
  const commands = leavesOf(program);
  const overview = commands.map(({ path, command }) => [`[\`${path}\`](#${anchorOf(path)})`, command.description()]);
  const exitCodes = Object.values(EXIT_CODES).map(({ code, meaning }) => [`${code}`, meaning]);
  return `${formatMarkdownTable(['command', 'what it does'], overview)}

With \`--json\` a command writes one JSON document to stdout; what fails writes \`{"error": {"reason", "message", "advice", "exitCode"}}\`. Errors
and logs go to stderr: one line says what went wrong, one what to do. Colours appear on terminals only, and never with \`NO_COLOR\`.
Secrets are read from files that only their owner can read, never from the command line. \`POSTERN_DEBUG=1\` shows where a fault came from.

## Exit codes

${formatMarkdownTable(['code', 'meaning'], exitCodes)}

${commands.map(({ path, command }) => describe(path, command)).join('\n\n')}`;
}

function leavesOf(command: Command, before = ''): { path: string; command: Command }[] {
  const path = `${before} ${command.name()}`.trim();
  if (command.commands.length === 0) return [{ path, command: command as Command }];
  const below = command.commands.flatMap((child) => leavesOf(child as Command, path));
  // A group that is a command by itself.
  return examplesOf(command as Command).length === 0 ? below : [{ path, command: command as Command }, ...below];
}

function describe(path: string, command: Command): string {
  const args = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  // Nothing of ours follows an argument that takes all words.
  const isOpen = command.registeredArguments.at(-1)?.variadic === true;
  const options = command.options.map(({ flags, description, defaultValue, argChoices, mandatory }) => {
    const notes = [
      ...(argChoices === undefined ? [] : [`one of ${argChoices.map((choice) => `\`${choice}\``).join(', ')}`]),
      ...(defaultValue === undefined ? [] : [`default \`${String(defaultValue)}\``]),
      ...(mandatory ? ['required'] : []),
    ];
    return [`\`${flags}\``, notes.length === 0 ? description : `${description} (${notes.join('; ')})`];
  });
  const examples = examplesOf(command).map(([line, purpose]) => `# ${purpose}\n${line}`);
  return `## ${path}

${capitalised(command.description())}.

\`\`\`
${[path, ...(isOpen ? ['[options]', ...args] : [...args, '[options]'])].join(' ')}
\`\`\`

${formatMarkdownTable(['option', ''], options)}

\`\`\`sh
${examples.join('\n\n')}
\`\`\``;
}

const anchorOf = (path: string) => path.replaceAll(' ', '-');
const capitalised = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
