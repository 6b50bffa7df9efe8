export { createIssuedIndex, type IssuedIndex, type IssuedSvid } from './issued_index.ts';
export {
  createListSlots,
  LIST_LIFE_MS,
  type ListedCertificate,
  type ListPartition,
  type ListSlots,
  listKey,
  MAX_LIST_SLOTS,
} from './list_slots.ts';
export { type ListSummary, summariseRevocationList } from './list_summary.ts';
export { isReasonCode, REASON_CODES, type ReasonCode } from './reason_code.ts';
export { createSealedItems, type SealedItems } from './sealed_item.ts';
