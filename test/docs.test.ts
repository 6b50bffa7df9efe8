import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { references } from './docs/references.ts';
import { repositoryFolder } from './tools/places.ts';

describe('no generated reference says what the code no longer does', () => {
  test.each(references().map((reference) => [reference.path, reference.text]))('%s', (path, text) => {
    expect(readFileSync(join(repositoryFolder, path), 'utf8')).toBe(text);
  });
});
