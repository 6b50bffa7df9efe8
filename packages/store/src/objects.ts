/**
 * The Objects port: what Postern needs of S3 with object lock. Objects are written once and never changed.
 * Consistency: read after write. Faults throw `StoreUnavailable`.
 */
import type { Result } from '@postern/result';

export interface ObjectPage {
  readonly names: readonly string[];
  /** Name to pass as `after` for the next page; absent at the end. */
  readonly next?: string;
}

export interface Objects {
  /** `name`: 1 to 512 bytes of `[A-Za-z0-9._/-]`, no empty, `.` or `..` segment, so that it is a safe path everywhere. */
  putIfAbsent(name: string, bytes: Uint8Array): Promise<Result<void, 'already-exists'>>;
  get(name: string): Promise<Uint8Array | undefined>;
  /** Names that begin with `prefix`, in the order of their bytes. */
  list(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<ObjectPage>;
}
