/** Results of verifications by digest of what was verified: bounded, and forgetting the least recently used first. */
export interface DigestCache<T> {
  get(digest: string): T | undefined;
  set(digest: string, value: T): void;
  delete(digest: string): void;
}

/** `maxEntries`: at least 1. Holds digests and results, never a token or certificate itself. */
export function createDigestCache<T>(maxEntries: number): DigestCache<T> {
  const entries = new Map<string, T>();
  return {
    get(digest) {
      const value = entries.get(digest);
      if (value === undefined) return undefined;
      entries.delete(digest);
      entries.set(digest, value);
      return value;
    },
    set(digest, value) {
      entries.delete(digest);
      entries.set(digest, value);
      if (entries.size <= maxEntries) return;
      const oldest = entries.keys().next().value;
      if (oldest !== undefined) entries.delete(oldest);
    },
    delete(digest) {
      entries.delete(digest);
    },
  };
}
