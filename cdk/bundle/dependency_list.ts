/**
 * `functions/NAME/deps.txt`: what a function's bundle contains, committed, so that a new dependency is a line that
 * somebody sees. A test holds it against the bundle.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FunctionName } from '@postern/functions/access';
import { repositoryFolder } from '../places.ts';
import type { Contents } from './contents.ts';

const HEADER = '# What the bundle contains. Made by `npm run bundle -- --write-deps`; a test compares.';

export function formatDependencyList({ packages, workspacePackages, builtins }: Contents): string {
  const lines = [...builtins, ...workspacePackages, ...packages.map((name) => `npm ${name}`)];
  return `${[HEADER, ...lines.sort()].join('\n')}\n`;
}

/** The committed list; nothing where there is none yet. */
export async function readDependencyList(name: FunctionName): Promise<string | undefined> {
  return readFile(pathOf(name), 'utf8').catch(() => undefined);
}

export async function writeDependencyList(name: FunctionName, text: string): Promise<void> {
  await writeFile(pathOf(name), text);
}

/** `+ npm hono`, `- node:fs`, a line each; nothing where the two are equal. */
export function compareDependencyLists(committed: string, contained: string): string[] {
  const before = new Set(linesOf(committed));
  const after = new Set(linesOf(contained));
  return [
    ...[...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
    ...[...before].filter((line) => !after.has(line)).map((line) => `- ${line}`),
  ];
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');
const pathOf = (name: FunctionName) => join(repositoryFolder, 'functions', name, 'deps.txt');
