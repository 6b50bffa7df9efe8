/** Files of a corpus by path, from a folder or from a gzipped tar archive (POSIX ustar and GNU long names). */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { gunzipSync } from 'node:zlib';

export interface CorpusFiles {
  readonly source: string;
  readonly paths: readonly string[];
  /** `undefined` when there is no such file. `..` steps out of the folder that was named, into its neighbours. */
  readonly read: (path: string) => string | undefined;
}

export function openCorpus(source: string): CorpusFiles {
  return statSync(source).isDirectory() ? openFolder(resolve(source)) : openArchive(source);
}

function openFolder(folder: string): CorpusFiles {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
  return {
    source: folder,
    paths,
    read: (path) => {
      const file = join(folder, path);
      return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    },
  };
}

const BLOCK = 512;

function openArchive(source: string): CorpusFiles {
  const tar = gunzipSync(readFileSync(source));
  const files = new Map<string, Buffer>();
  let longName: string | undefined;
  for (let offset = 0; offset + BLOCK <= tar.length; ) {
    const header = tar.subarray(offset, offset + BLOCK);
    const name = text(header, 0, 100);
    if (name === '') break;
    const size = Number.parseInt(text(header, 124, 12).trim(), 8) || 0;
    const content = tar.subarray(offset + BLOCK, offset + BLOCK + size);
    const type = text(header, 156, 1);
    if (type === 'L') longName = text(content, 0, size);
    else {
      const prefix = text(header, 257, 5) === 'ustar' ? text(header, 345, 155) : '';
      if (type === '0' || type === '') files.set(longName ?? (prefix ? `${prefix}/${name}` : name), content);
      longName = undefined;
    }
    offset += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  return { source, paths: [...files.keys()], read: (path) => files.get(path)?.toString('utf8') };
}

function text(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}
