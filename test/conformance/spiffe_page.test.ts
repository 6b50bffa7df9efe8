import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryFolder } from '../tools/places.ts';

const page = readFileSync(join(repositoryFolder, 'docs/conformance/spiffe.md'), 'utf8');

/** How many lines each document of the standards has on the list that the page follows. */
const LINES = [9, 17, 19, 8, 8, 13, 12, 6, 4];

const rows = page.split('\n').filter((line) => /^\| \d+ \|/.test(line));
const cellsOf = (row: string) => row.split(/(?<!\\) \| /).map((cell) => cell.replace(/^\| | \|$/g, ''));

describe('the page on conformance to SPIFFE', () => {
  test('has every line of the standards, each with what shows it or why it does not apply', () => {
    const counts = page
      .split(/^## /m)
      .slice(1)
      .map((section) => (section.match(/^\| \d+ \|/gm) ?? []).length);
    expect(counts).toEqual(LINES);
    for (const row of rows) expect(cellsOf(row)[2]?.trim(), row).toBeTruthy();
    expect(page).not.toContain('<!-- open');
  });

  test('names tests that are there', () => {
    for (const row of rows) {
      let text = '';
      // A quotation belongs to the file named last before it.
      for (const [, file, quoted] of row.matchAll(/`([\w./-]+\.test\.ts)`|“([^”]+)”/g)) {
        if (file !== undefined) {
          expect(existsSync(join(repositoryFolder, file)), file).toBe(true);
          text = readFileSync(join(repositoryFolder, file), 'utf8');
        } else if (text !== '') expect(text.includes(quoted as string), `${quoted} in ${row}`).toBe(true);
      }
    }
  });
});
