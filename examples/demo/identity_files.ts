/** SVIDs of this machine as files, fetched with `postern svid fetch` by a process that is entitled to them. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Places } from './places.ts';

const POSTERN = join(import.meta.dirname, '../../packages/cli/src/main.ts');

export interface IdentityFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** `spiffeId`: one of those that this very program is entered as. */
export async function fetchIdentity(places: Places, spiffeId: string): Promise<IdentityFiles> {
  const out = join(places.dir, 'run', 'svid', spiffeId.replace(/[^a-z0-9.-]+/g, '_'));
  const args = [POSTERN, 'svid', 'fetch', '--socket', `unix://${places.workloadApiSocket}`, '--spiffe-id', spiffeId, '--out', out];
  await promisify(execFile)(process.execPath, args);
  const read = (name: string) => readFileSync(join(out, name), 'utf8');
  return { cert: read('svid.pem'), key: read('key.pem'), ca: read('bundle.pem') };
}
