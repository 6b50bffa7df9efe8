/**
 * `npm run docs [-- --write]`: the references in docs/ that are made from the code. Without `--write` they are compared,
 * with exit code 1 and the names of those that differ, so that a reference never says what the code no longer does.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { references } from './docs/references.ts';
import { readCommandLine } from './kit/command_line.ts';
import { repositoryFolder } from './tools/places.ts';

const { values } = readCommandLine({
  name: 'npm run docs',
  options: { write: { type: 'boolean', default: false } },
  usage: `npm run docs [-- --write]

Compares the references in the documents that are made from the code with the code.

  --write  write those that differ
  --help   this text

Examples:
  npm run docs
  npm run docs -- --write

Exit codes: 0 when nothing differs any more, 1 otherwise, 2 for a mistake in the command line.
`,
});
const stale = references().filter(({ path, text }) => readIfThere(join(repositoryFolder, path)) !== text);
for (const { path, text } of stale) {
  if (values.write) writeFileSync(join(repositoryFolder, path), text);
  process.stdout.write(`${values.write ? 'written' : 'differs'}  ${path}\n`);
}
if (stale.length === 0) process.stdout.write('every reference equals its source\n');
else if (!values.write) {
  process.stdout.write('run: npm run docs -- --write\n');
  process.exitCode = 1;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
