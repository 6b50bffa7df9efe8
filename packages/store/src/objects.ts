/**
 * The Objects port: what Postern needs of S3 with object lock. Objects are written once and never changed.
 * Consistency: read after write. Durability: what was answered, `already-exists` included, survives a power cut. Faults
 * throw `StoreUnavailable`: after one, the object is there whole or not at all. A name outside the bounds throws a
 * RangeError.
 */
import type { Result } from '@postern/result';

export interface ObjectPage {
  readonly names: readonly string[];
  /** Name to pass as `after` for the next page; absent at the end. */
  readonly next?: string;
}

export interface Objects {
  /**
   * `name`: 1 to 512 bytes of `[A-Za-z0-9._/-]`, no empty, `.` or `..` segment, none above 255, so that it is a safe path
   * everywhere. No name may be another one's folder: `a` and `a/b` do not go together (a RangeError, except on S3).
   */
  putIfAbsent(name: string, bytes: Uint8Array): Promise<Result<void, 'already-exists'>>;
  get(name: string): Promise<Uint8Array | undefined>;
  /** Names that begin with `prefix`, in the order of their bytes. `limit`: 1 to 1,000, which it is when absent. */
  list(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<ObjectPage>;
}
