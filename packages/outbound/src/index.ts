export { type AddressRange, createAddressRule, type IsAddressAllowed, parseAddressRange } from './address.ts';
export {
  type FetchedAnswer,
  type FetchReason,
  fetchChecked,
  type OutboundRules,
  type ResolveName,
  resolveByPlatform,
} from './fetch_checked.ts';
