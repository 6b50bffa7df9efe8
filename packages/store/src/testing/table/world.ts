import type { Table } from '../../table.ts';
import type { ManualClock } from '../manual_clock.ts';

export interface World {
  table(): Table;
  readonly clock: ManualClock;
  /** A partition that no other test uses. */
  createPk(): string;
}
