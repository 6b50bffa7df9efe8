export { type AddressRange, createAddressRule, type IsAddressAllowed, parseAddressRange } from './address.ts';
export { type FetchedAnswer, type FetchReason, fetchChecked, type OutboundRules } from './fetch_checked.ts';
export { INTERMEDIATE_TLS } from './intermediate_tls.ts';
export { readBounded } from './read_bounded.ts';
export {
  hostOf,
  type ResolveName,
  type ResolveReason,
  type ResolveRules,
  resolveByPlatform,
  resolveChecked,
} from './resolve_checked.ts';
