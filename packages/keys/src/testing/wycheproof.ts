/** Project Wycheproof's vectors: published signatures, good and forged, that a verifier must tell apart. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const SHARED = process.env['POSTERN_SHARED'] ?? join(import.meta.dirname, '../../../../../shared');
const ARCHIVE = join(SHARED, 'data/wycheproof/vectors.tar.gz');

/** Why there are no vectors here; undefined when there are. In CI their absence is a failure, so the suite runs. */
export const missingVectors: string | undefined =
  existsSync(ARCHIVE) || process.env['CI'] === 'true' ? undefined : 'the vectors of Project Wycheproof are not here';

export interface WycheproofTest {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

export interface WycheproofFile<Group> {
  readonly numberOfTests: number;
  readonly testGroups: readonly Group[];
}

/** `name`: of a file in the archive. Throws when there is none. */
export function loadVectors<Group>(name: string): WycheproofFile<Group> {
  const text = execFileSync('tar', ['-xzOf', ARCHIVE, name], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(text) as WycheproofFile<Group>;
}
