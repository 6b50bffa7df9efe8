import type { Violation } from './violation.ts';
import type { WorkspaceFile } from './workspace.ts';

// Written in parts, so that this file does not hold what it looks for.
const hosts = [
  ['registry', 'npmjs', 'org'],
  ['registry', 'yarnpkg', 'com'],
  ['proxy', 'golang', 'org'],
  ['sum', 'golang', 'org'],
  ['files', 'pythonhosted', 'org'],
  ['pypi', 'org'],
  ['crates', 'io/api'],
  ['static', 'crates', 'io'],
  ['index', 'crates', 'io'],
  ['repo1', 'maven', 'org'],
  ['repo', 'maven', 'apache', 'org'],
  ['deb', 'debian', 'org'],
].map((parts) => parts.join('.'));
const folders = ['work', 'root', 'tmp/brief'].map((name) => `/${name}/`);

const escapePattern = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
const TRACE = new RegExp(
  `(?<![\\w.@-])(?:${folders.map(escapePattern).join('|')}|/home/[a-z][\\w-]*/)|(?<![\\w.-])(?:${hosts.map(escapePattern).join('|')})`,
  'g',
);

/** Finds paths and hosts that exist on the machine that wrote a file and nowhere else. */
export function checkTraces(file: WorkspaceFile): Violation[] {
  return file.text.split('\n').flatMap((text, index) =>
    [...text.matchAll(TRACE)].map((match) => ({
      rule: 'machine-trace' as const,
      path: file.path,
      line: index + 1,
      detail: `names ${match[0]}`,
    })),
  );
}
