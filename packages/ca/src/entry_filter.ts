/** Which entries of a list are meant. Several conditions are all to hold. */
import type { RegistrationEntry } from './registration_entry.ts';

export interface EntryFilter {
  /** SPIFFE ID begins with one of these; such as what a team may see. */
  readonly below?: readonly string[];
  readonly spiffeIdPrefix?: string;
  readonly parentId?: string;
  readonly selector?: string;
  readonly owner?: string;
}

export function isEmptyFilter(filter: EntryFilter): boolean {
  return Object.values(filter).every((condition) => condition === undefined);
}

export function fitsFilter(entry: RegistrationEntry, filter: EntryFilter): boolean {
  const { below, spiffeIdPrefix, parentId, selector, owner } = filter;
  return (
    (below === undefined || below.some((prefix) => entry.spiffeId.startsWith(prefix))) &&
    (spiffeIdPrefix === undefined || entry.spiffeId.startsWith(spiffeIdPrefix)) &&
    (parentId === undefined || entry.parentId === parentId) &&
    (selector === undefined || entry.selectors.includes(selector)) &&
    (owner === undefined || entry.owner === owner)
  );
}
