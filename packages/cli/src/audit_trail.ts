/** The trail as it is verified: fetched page by page, or read from an export; with it the keys that vouch for it. */
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ControlPlaneTrust, type Jwk, PATHS } from '@postern/api';
import type { TrailExport } from '@postern/audit';
import type { Cli } from './cli.ts';
import type { ControlPlane } from './control_plane.ts';
import { CommandFailure } from './failure.ts';

export const TRAIL_FILE = 'trail.json';
export const TRUST_FILE = 'trust.json';
const MAX_SEGMENTS = 1_000_000;
/** A string of V8 holds no more. */
const MAX_TRAIL_FILE_BYTES = 512 * 1024 * 1024;
const MAX_TRUST_FILE_BYTES = 1024 * 1024;

interface TrailPage extends TrailExport {
  readonly next?: number;
}

/**
 * All of it. The producers are those of the last page: read before its segments, so that whatever was acknowledged until
 * then has to be among the segments, and a producer that began meanwhile is known.
 */
export async function fetchTrail(controlPlane: ControlPlane): Promise<TrailExport> {
  const segments: TrailExport['segments'][number][] = [];
  for (let after = 0; ; ) {
    const page = checkTrail(await controlPlane.get<TrailPage>(PATHS.admin.trail, { after })) as TrailPage;
    for (const segment of page.segments) segments.push(segment);
    if (page.next === undefined) return { producers: page.producers, segments };
    if (!(Number.isSafeInteger(page.next) && page.next > after) || segments.length > MAX_SEGMENTS)
      throw new CommandFailure(
        'refused',
        'trail-malformed',
        'the pages of the trail do not end',
        'export it in another way, and look at the control plane',
      );
    after = page.next;
  }
}

/** `dir`: written by `audit export`, and by now in anybody's hands. */
export function loadTrail({ io }: Cli, dir: string): TrailExport {
  return checkTrail(loadJson(resolve(io.folder, dir, TRAIL_FILE), MAX_TRAIL_FILE_BYTES));
}

/** Only the outer form: what it says is for the verifier. */
function checkTrail(value: unknown): TrailExport {
  const { producers, segments } = (value ?? {}) as { readonly producers?: unknown; readonly segments?: unknown };
  const isListOf = (list: unknown, members: { readonly [name: string]: string }) =>
    Array.isArray(list) &&
    list.every((item) => Object.entries(members).every(([name, type]) => typeof item?.[name] === type));
  const isTrail =
    isListOf(producers, { certificate: 'string', to: 'number', isClosed: 'boolean' }) &&
    isListOf(segments, { place: 'number', producer: 'string', jws: 'string' });
  if (!isTrail)
    throw new CommandFailure(
      'refused',
      'trail-malformed',
      'this is not a trail',
      'make an export: postern audit export --out DIR',
    );
  return value as TrailExport;
}

/** Keys of a pinned `trust.json`, a saved `status --json`, or of the export itself. */
export function loadAssertionKeys({ io }: Cli, file: string): readonly Jwk[] {
  const path = resolve(io.folder, file);
  const value = loadJson(path, MAX_TRUST_FILE_BYTES) as Partial<ControlPlaneTrust> & {
    readonly controlPlane?: ControlPlaneTrust;
  };
  const keys: unknown = value?.assertionKeys ?? value?.controlPlane?.assertionKeys;
  const isKeySet =
    Array.isArray(keys) &&
    keys.length > 0 &&
    keys.every((key) => typeof key?.kid === 'string' && typeof key.kty === 'string');
  if (!isKeySet)
    throw new CommandFailure(
      'usage',
      'trust-malformed',
      `\`${path}\` holds no assertion keys`,
      'use `trust.json` of an export, or a saved: postern status --json',
    );
  return keys;
}

export function exportedTrust(dir: string): string {
  return join(dir, TRUST_FILE);
}

function loadJson(path: string, maxBytes: number): unknown {
  const refuse = (message: string, cause?: unknown) =>
    new CommandFailure(
      'usage',
      'file-unreadable',
      message,
      'name an export (a folder with `trail.json`) or a trust file',
      { cause },
    );
  try {
    if (statSync(path).size > maxBytes) throw refuse(`\`${path}\` is larger than ${maxBytes} bytes`);
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    throw refuse(code === undefined ? `\`${path}\` is not JSON` : `\`${path}\` cannot be read: ${code}`, cause);
  }
}
