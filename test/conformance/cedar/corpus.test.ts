import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { openCorpus } from './archive.ts';
import { runCorpus } from './corpus.ts';

const shared = process.env['POSTERN_SHARED'] ?? resolve(import.meta.dirname, '../../../../shared/data');
const archives = ['corpus-tests.tar.gz', 'tests.tar.gz'].map((name) => join(shared, 'cedar', name));
const absent = archives.filter((archive) => !existsSync(archive));
const isRequired = process.env['CI'] === 'true';

if (absent.length > 0 && !isRequired) console.log('the Cedar corpus is not at hand: its cases are skipped');

test.skipIf(absent.length > 0 && !isRequired)(
  'every case of the official corpus has its decision, its reasons and its errors',
  () => {
    expect(absent).toEqual([]);
    const { passed, disagreements } = runCorpus(archives.map(openCorpus));
    expect(disagreements).toEqual([]);
    expect(passed).toBeGreaterThan(31_000);
  },
  120_000,
);
