export * from './bounds.ts';
export { type Clock, systemClock } from './clock.ts';
export type { ObjectPage, Objects } from './objects.ts';
export {
  type Attribute,
  type Condition,
  type ConditionFailed,
  type Item,
  type Key,
  type Page,
  type Query,
  StoreUnavailable,
  type Table,
  type Update,
  type Write,
} from './table.ts';
