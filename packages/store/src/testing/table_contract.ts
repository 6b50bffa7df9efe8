/**
 * What every Table must do, whatever keeps the items; DynamoDB's behaviour is the reference. One table serves the whole
 * suite and each test has partitions of its own, so that a suite against a real service costs one table.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import type { Clock } from '../clock.ts';
import type { Table } from '../table.ts';
import { createManualClock } from './manual_clock.ts';
import { describeBounds } from './table/bounds.ts';
import { describeConditions } from './table/conditions.ts';
import { describeExpiry } from './table/expiry.ts';
import { describeQueries } from './table/queries.ts';
import { describeTransactions } from './table/transactions.ts';
import { describeUpdates } from './table/updates.ts';
import { describeValues } from './table/values.ts';
import type { World } from './table/world.ts';

export type OpenTable = (ports: {
  readonly clock: Clock;
}) => Promise<{ readonly table: Table; close?(): void | Promise<void> }>;

export function describeTableContract(name: string, openTable: OpenTable): void {
  describe(`${name} keeps the contract of a table`, () => {
    const clock = createManualClock();
    let opened: Awaited<ReturnType<OpenTable>>;
    let partitions = 0;
    beforeAll(async () => {
      opened = await openTable({ clock });
    });
    afterAll(async () => {
      await opened.close?.();
    });
    const world: World = { table: () => opened.table, clock, createPk: () => `partition-${++partitions}` };
    describeValues(world);
    describeConditions(world);
    describeUpdates(world);
    describeQueries(world);
    describeTransactions(world);
    describeExpiry(world);
    describeBounds(world);
  });
}
