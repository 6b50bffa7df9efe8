/** Corpora of others, which lie beside the repository and not in it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, test } from 'vitest';

const SHARED = process.env['POSTERN_SHARED'] ?? join(import.meta.dirname, '../../../../../shared');

/** A suite over a gzipped JSON corpus; skipped with its reason where the corpus is absent, and with CI=true a failure. */
export function describeWithCorpus<T>(title: string, path: string, define: (corpus: T) => void): void {
  const file = join(SHARED, 'data', path);
  if (existsSync(file)) {
    describe(title, () => define(JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as T));
  } else if (process.env['CI'] === 'true') {
    describe(title, () => {
      test('has its corpus', () => {
        throw new Error(`data/${path} is missing; POSTERN_SHARED names the folder that has it`);
      });
    });
  } else {
    describe(title, () => {
      test.skip(`skipped: no data/${path}; POSTERN_SHARED names the folder that has it`, () => {});
    });
  }
}
