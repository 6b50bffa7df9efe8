/**
 * An agent's spool: segments on disk until the control plane has acknowledged them, one file each, so that an outage
 * costs disk and no records. Written aside, synced and renamed: after a crash a segment is there whole or not at all.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
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
const name = (from: number, to: number) => `${from.toString().padStart(16, '0')}-${to.toString().padStart(16, '0')}.jws`;

/** `dir`: of one producer. */
export function createSpool(dir: string, options: { readonly maxBytes: number }): Spool {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const segments = new Map<string, { readonly to: number; readonly bytes: number }>();
  let bytes = 0;
  for (const file of readdirSync(dir).sort()) {
    const match = NAME.exec(file);
    if (match === null) continue; // written aside by a process that ended before the rename
    const size = statSync(join(dir, file)).size;
    segments.set(file, { to: Number(match[2]), bytes: size });
    bytes += size;
  }

  return {
    bytes: () => bytes,
    async write({ jws, from, to }) {
      if (bytes + jws.length > options.maxBytes) throw new SpoolFull(`the audit spool holds ${bytes} of ${options.maxBytes} bytes`);
      const file = name(from, to);
      const aside = join(dir, `${file}.new`);
      const handle = openSync(aside, 'w', 0o600);
      try {
        writeSync(handle, jws);
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      renameSync(aside, join(dir, file));
      segments.set(file, { to, bytes: jws.length });
      bytes += jws.length;
    },
    pending(limit) {
      return [...segments].slice(0, limit).map(([file, { to }]) => ({ jws: readFileSync(join(dir, file), 'latin1'), to }));
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
