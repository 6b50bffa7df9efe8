/** How an import ends: its file, and for people what is not in it. */
import { basename, dirname, resolve } from 'node:path';
import type { Answer, Cli } from '../cli.ts';
import { type Paint, printable } from '../terminal_text.ts';
import { writeFiles } from '../write_files.ts';
import type { ImportOptions } from './import_options.ts';
import { type ImportedEntries, renderEntryFile, type Skipped } from './imported_entries.ts';

const MAX_SHOWN = 50;

/** `refused` when nothing at all could be carried over. */
export function answerImport(
  { io }: Cli,
  { owner, out }: ImportOptions,
  source: string,
  imported: ImportedEntries,
): Answer {
  const text = renderEntryFile(owner, source, imported);
  const { entries, skipped, notes } = imported;
  if (out !== undefined) {
    const path = resolve(io.folder, out);
    writeFiles(dirname(path), [{ name: basename(path), text }]);
  }
  return {
    json: { owner, ...(out !== undefined && { file: out }), entries, skipped, notes },
    exit: entries.length === 0 ? 'refused' : 'ok',
    text: (paint) => (out === undefined ? text : formatSummary(paint, out, imported)),
  };
}

function formatSummary(paint: Paint, out: string, { entries, skipped, notes }: ImportedEntries): string {
  const lines = (colour: 'yellow' | 'dim', items: readonly Skipped[]) =>
    items
      .slice(0, MAX_SHOWN)
      .map(({ name, reason, detail }) => `${paint(colour, printable(`${name}: ${reason}`))}: ${printable(detail)}\n`)
      .join('') + (items.length > MAX_SHOWN ? `and ${items.length - MAX_SHOWN} more, in the file\n` : '');
  const head = `${entries.length} entries in ${printable(out)}, ${skipped.length} not carried over\n`;
  return `${lines('yellow', skipped)}${lines('dim', notes)}${head}see what they change: postern entry apply -f ${printable(out)} --dry-run\n`;
}
