export { type CountedTable, countingTable } from './counting_table.ts';
export { type Fault, failingObjects, failingTable, type ObjectsCall, type TableCall } from './failing_store.ts';
export { createManualClock, type ManualClock } from './manual_clock.ts';
export { describeObjectsContract } from './objects_contract.ts';
export { describeTableContract, type OpenTable } from './table_contract.ts';
