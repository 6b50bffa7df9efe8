import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryFolder } from '../tools/places.ts';

const page = readFileSync(join(repositoryFolder, 'docs/conformance/x509.md'), 'utf8');
const rows = page.split('\n').filter((line) => /^\| P\d+ \|/.test(line));
const cellsOf = (row: string) => row.split(/(?<!\\) \| /).map((cell) => cell.replace(/^\| | \|$/g, ''));

describe('the page on X.509', () => {
  test('has every line, P1 to P17 and in order, each with what shows it or why it does not apply', () => {
    const ids = rows.map((row) => Number(/^\| P(\d+)/.exec(row)?.[1]));
    expect([...new Set(ids)]).toEqual(Array.from({ length: 17 }, (_, index) => index + 1));
    for (const row of rows) {
      const [, what, shown] = cellsOf(row);
      expect([what?.trim(), shown?.trim()].every(Boolean), row).toBe(true);
    }
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
