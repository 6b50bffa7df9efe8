/**
 * Lineages: a chain of SVIDs, each renewed with the one before. Only the newest may renew. When an older one tries, two
 * parties hold keys of one identity: the lineage is locked, neither renews, and an operator is told.
 */
import { accept, type Result, refuse } from '@postern/result';
import type { Table } from '@postern/store';

export type LineageReason = 'lineage-unknown' | 'lineage-locked' | 'serial-superseded';

export interface LineageStore {
  /** A new join starts over, also after a lock. `keepUntilMs`: when no SVID of it can renew any more; for ever when absent. */
  start(spiffeId: string, serial: string, keepUntilMs?: number): Promise<void>;
  /**
   * Whether `serial` may renew. `serial-superseded` locks the lineage. The serial before the newest may, until the newest
   * was used: an answer can be lost on its way.
   */
  check(spiffeId: string, serial: string): Promise<Result<void, LineageReason>>;
  /**
   * After issuing: `next` is the newest now, and the only one that renews next. Of two parties that renewed with one
   * serial at the same time, the second to get here has the newest; the first locks the lineage at its next renewal.
   */
  advance(spiffeId: string, serial: string, next: string): Promise<Result<void, LineageReason>>;
}

/** `spiffeId`: of an agent, whose length `agentSpiffeId` bounds; a longer one is refused by the table, never cut. */
const keyOf = (spiffeId: string) => ({ pk: 'lineage', sk: spiffeId });

export function createLineageStore(ports: { readonly table: Table }): LineageStore {
  const { table } = ports;
  const equals = (attribute: string, value: string | boolean) => ({ kind: 'equals', attribute, value }) as const;

  async function lock(spiffeId: string): Promise<void> {
    await table.update({ ...keyOf(spiffeId), set: { locked: true }, condition: { kind: 'present' } });
  }

  return {
    async start(spiffeId, serial, keepUntilMs) {
      const kept = keepUntilMs === undefined ? {} : { expiresAtSeconds: Math.ceil(keepUntilMs / 1000) };
      await table.put({ ...keyOf(spiffeId), attributes: { newest: serial, before: '', locked: false }, ...kept });
    },
    async check(spiffeId, serial) {
      const item = await table.get(keyOf(spiffeId));
      if (item === undefined) return refuse('lineage-unknown');
      const { newest, before, locked } = item.attributes;
      if (locked !== false) return refuse('lineage-locked');
      if (serial === newest) {
        // Its holder has it: the one before has no more excuse.
        if (before !== '')
          await table.update({ ...keyOf(spiffeId), set: { before: '' }, condition: equals('newest', serial) });
        return accept(undefined);
      }
      if (before !== '' && serial === before) return accept(undefined);
      await lock(spiffeId);
      return refuse('serial-superseded');
    },
    async advance(spiffeId, serial, next) {
      for (const attribute of ['newest', 'before']) {
        const moved = await table.update({
          ...keyOf(spiffeId),
          set: { newest: next, before: serial },
          condition: equals(attribute, serial),
        });
        if (moved.ok) return accept(undefined);
      }
      return refuse('serial-superseded');
    },
  };
}
