/** Single use of proof ids, across all instances of a function. */
import type { Clock, Table } from '@postern/store';

const KEY_PREFIX = 'proof#';

export interface ReplayGuard {
  /**
   * Consumes an id: true for the first caller and false for every later one. Prevents a captured proof from being used
   * again within its time. One conditional write; ids spread over partitions, since each is its own. The store forgets
   * an id when its proof counts no more. Throws `StoreUnavailable`: then nobody knows, and the call is refused.
   */
  readonly consume: (id: string, expiresAtMs: number) => Promise<boolean>;
}

export function createReplayGuard(table: Pick<Table, 'put'>, clock: Clock): ReplayGuard {
  return {
    async consume(id, expiresAtMs) {
      if (expiresAtMs <= clock.nowMs()) return false;
      const pk = `${KEY_PREFIX}${id}`;
      // Rounded up: the id outlives the proof, never the other way round.
      const expiresAtSeconds = Math.ceil(expiresAtMs / 1000) + 1;
      return (await table.put({ pk, sk: 'used', attributes: {}, expiresAtSeconds }, { kind: 'absent' })).ok;
    },
  };
}
