/**
 * An agent's spool: segments on disk until the control plane has acknowledged them, one file each, so that an outage
 * costs disk and no records. Written aside, synced, renamed, and the folder synced: after a crash or a power cut a segment
 * is there whole or not at all, and what `write` resolved for is there. With `survives: 'process'` nothing is synced: a
 * killed process loses nothing of it, a power cut may lose the last seconds, which the verifier then states as a gap.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { SegmentSink } from './producer.ts';

export interface SpooledSegment {
  readonly jws: string;
  readonly to: number;
}

export interface Spool extends SegmentSink {
  /** The oldest segments of a producer that nobody acknowledged yet, in order. */
  pending(limit: number): readonly SpooledSegment[];
  /** Everything up to and including record `number` is durable elsewhere. */
  acknowledge(number: number): void;
  bytes(): number;
}

/** The rule when the spool is full: records are refused, and so, in strict mode, are decisions. Nothing is dropped unseen. */
export class SpoolFull extends Error {
  override readonly name = 'SpoolFull';
}

const NAME = /^(\d{16})-(\d{16})\.jws$/;
const ASIDE = '.new';
const TORN = '.torn';
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const nameOf = (from: number, to: number) =>
  `${from.toString().padStart(16, '0')}-${to.toString().padStart(16, '0')}.jws`;

/**
 * `dir`: of one producer. `maxBytes`: of segments not yet acknowledged; beyond it `write` throws `SpoolFull` and the
 * producer keeps its records. `onTorn`: a file was no segment any more (a damaged disk) and was set aside; the control
 * plane will state its numbers as missing.
 */
export function createSpool(
  dir: string,
  options: {
    readonly maxBytes: number;
    /** What a resolved `write` outlives; `power-cut` when absent, at two syncs of the disk for each segment. */
    readonly survives?: 'power-cut' | 'process';
    readonly onTorn?: (file: string) => void;
  },
): Spool {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const isSynced = options.survives !== 'process';
  const segments = new Map<string, { readonly to: number; readonly bytes: number }>();
  let bytes = 0;
  for (const file of readdirSync(dir).sort()) {
    const path = join(dir, file);
    if (file.endsWith(`.jws${ASIDE}`)) unlinkSync(path); // its writer ended before the rename, and nobody was told
    const match = NAME.exec(file);
    if (match === null) continue;
    if (COMPACT_JWS.test(readFileSync(path, 'latin1'))) {
      remember(file, Number(match[2]), statSync(path).size);
    } else {
      renameSync(path, `${path}${TORN}`);
      options.onTorn?.(file);
    }
  }

  function remember(file: string, to: number, size: number): void {
    bytes += size - (segments.get(file)?.bytes ?? 0);
    segments.set(file, { to, bytes: size });
  }

  return {
    bytes: () => bytes,
    async write({ jws, from, to }) {
      const file = nameOf(from, to);
      const path = join(dir, file);
      const others = bytes - (segments.get(file)?.bytes ?? 0);
      if (others + jws.length > options.maxBytes)
        throw new SpoolFull(`the audit spool holds ${bytes} of ${options.maxBytes} bytes`);
      await writeWhole(`${path}${ASIDE}`, jws, isSynced);
      await rename(`${path}${ASIDE}`, path);
      if (isSynced) await syncFolder(dir);
      remember(file, to, jws.length);
    },
    pending(limit) {
      const oldest = [...segments].slice(0, limit);
      return oldest.map(([file, { to }]) => ({ jws: readFileSync(join(dir, file), 'latin1'), to }));
    },
    acknowledge(number) {
      for (const [file, segment] of segments) {
        if (segment.to > number) break;
        unlinkSync(join(dir, file));
        segments.delete(file);
        bytes -= segment.bytes;
      }
    },
  };
}

async function writeWhole(path: string, text: string, isSynced: boolean): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text, 'latin1');
    if (isSynced) await file.sync();
  } catch (cause) {
    await unlink(path);
    throw cause;
  } finally {
    await file.close();
  }
}

/** The name itself must survive a power cut, not only the bytes. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
