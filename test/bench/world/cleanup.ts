/** What has been started, ended again in the opposite order, whatever went wrong in between. */
export type Cleanup = { readonly add: (end: () => unknown) => void; readonly run: () => Promise<void> };

export function createCleanup(): Cleanup {
  const ends: (() => unknown)[] = [];
  return {
    add: (end) => void ends.push(end),
    async run() {
      const faults: unknown[] = [];
      for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
        try {
          await end();
        } catch (fault) {
          faults.push(fault);
        }
      }
      if (faults.length > 0) throw new AggregateError(faults, 'not everything could be ended');
    },
  };
}
