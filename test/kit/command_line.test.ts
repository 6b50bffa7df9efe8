import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryFolder } from '../tools/places.ts';
import { parseCommandLine, UsageError } from './command_line.ts';

const { scripts } = JSON.parse(readFileSync(join(repositoryFolder, 'package.json'), 'utf8')) as {
  scripts: { [name: string]: string };
};
const programs = Object.entries(scripts).filter(([, command]) => command.startsWith('node '));

function run(command: string, ...args: string[]) {
  const [, ...words] = command.split(' ');
  return spawnSync(process.execPath, [...words, ...args], { cwd: repositoryFolder, encoding: 'utf8' });
}

describe.each(programs)('npm run %s', (name, command) => {
  test('--help shows how it is used, with examples, and does nothing', () => {
    const { status, stdout, stderr } = run(command, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/\nExamples:\n {2}npm /);
    expect(stdout).toMatch(/--help/);
    expect(stdout, name).toMatch(/Exit codes?: /);
  });

  test('a misspelt option is named, and no stack trace', () => {
    const { status, stdout, stderr } = run(command, '--misspelt');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.trimStart()).toMatch(/^error: [^\n]*--misspelt[^\n]*\ntry: npm [^\n]+ --help\n$/);
  });
});

describe('a command line', () => {
  const options = { write: { type: 'boolean', default: false }, only: { type: 'string' } } as const;

  test('is read into options and words', () => {
    expect(parseCommandLine({ options, words: ['a', 'b'] }, ['b', '--only', 'x', '--write'])).toEqual({
      values: { write: true, only: 'x' },
      words: ['b'],
    });
    expect(parseCommandLine({ options, words: 'any' }, ['what/ever'])).toMatchObject({ words: ['what/ever'] });
    expect(parseCommandLine({ options }, ['--misspelt', '-h'])).toBe('help');
  });

  test.each([
    ['an option that is not known', ['--misspelt'], undefined],
    ['an option without its value', ['--only'], undefined],
    ['a word where none is taken', ['x'], undefined],
    ['a word that is not known', ['c'], ['a', 'b']],
  ])('is refused with %s, in one line', (_, args, words) => {
    const read = () => parseCommandLine({ options, ...(words !== undefined && { words }) }, args);
    expect(read).toThrow(UsageError);
    expect(read).toThrow(/^[^\n]{1,120}$/);
  });
});
