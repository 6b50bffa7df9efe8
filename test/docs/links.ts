/**
 * Links of the documents to files, folders and headings of this repository. A heading that was renamed or a file that was
 * moved leaves links behind that lead nowhere, and nobody is told.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { repositoryFolder } from '../tools/places.ts';

export interface BrokenLink {
  readonly document: string;
  readonly line: number;
  readonly target: string;
  readonly reason: 'file-missing' | 'outside-repository' | 'heading-missing';
}

const DOCUMENTS = ['*.md', '{docs,examples,test,packages,functions,cdk}/**/*.md'];
const LINK = /\]\(<?([^()<>\s]+)>?(?:\s+"[^"]*")?\)/g;
/** Of another server, or no address at all. */
const HAS_SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** Every document that people write, relative to the repository. */
export function documentPaths(folder = repositoryFolder): readonly string[] {
  return globSync(DOCUMENTS, { cwd: folder, exclude: ['**/node_modules/**'] }).sort();
}

/** `path`: relative to `folder`. */
export function brokenLinks(path: string, folder = repositoryFolder): readonly BrokenLink[] {
  return proseLines(readFileSync(join(folder, path), 'utf8')).flatMap((text, index) =>
    [...text.replace(/`[^`]*`/g, '').matchAll(LINK)].flatMap(([, target = '']) => {
      const reason = HAS_SCHEME.test(target) ? undefined : reasonOf(target, path, folder);
      return reason === undefined ? [] : [{ document: path, line: index + 1, target, reason }];
    }),
  );
}

function reasonOf(target: string, document: string, folder: string): BrokenLink['reason'] | undefined {
  const [name = '', anchor] = target.split('#');
  const path = name === '' ? join(folder, document) : join(folder, dirname(document), decodeURIComponent(name));
  if (relative(folder, path).startsWith('..')) return 'outside-repository';
  if (!existsSync(path)) return 'file-missing';
  if (anchor === undefined) return undefined;
  return path.endsWith('.md') && anchorsOf(readFileSync(path, 'utf8')).has(anchor) ? undefined : 'heading-missing';
}

/** As GitHub makes them: a heading that comes again has its number behind it. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of proseLines(markdown)) {
    const heading = /^#{1,6}\s+(.+?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const anchor = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let [unique, count] = [anchor, 0];
    while (anchors.has(unique)) unique = `${anchor}-${++count}`;
    anchors.add(unique);
  }
  return anchors;
}

/** Line by line; what stands in a code block is empty. */
function proseLines(markdown: string): readonly string[] {
  let fence: string | undefined;
  return markdown.split('\n').map((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence === undefined && mark === undefined) return line;
    if (fence === undefined) fence = mark;
    else if (mark?.startsWith(fence)) fence = undefined;
    return '';
  });
}
