/** Entries in pages, by age. Every call looks at a bounded number of them, and answers what fits into one answer. */
import type { TrustDomain } from '@postern/spiffe';
import type { Table } from '@postern/store';
import { type EntryFilter, fitsFilter, isEmptyFilter } from './entry_filter.ts';
import { BY_ID, type EntryItems, parentKey } from './entry_item.ts';
import { isAgentId, type RegistrationEntry } from './registration_entry.ts';

export interface EntryListing {
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** 1 to 1,000; 100 when absent. */
  readonly limit?: number;
  readonly filter?: EntryFilter;
}

export interface EntryPage {
  readonly entries: readonly RegistrationEntry[];
  /** A page may be short, or empty, and still have one: the entries that were looked at are not all that there are. */
  readonly next?: string;
}

const SCAN_PAGE_LENGTH = 1000;
/** Looked at for one page of a filtered list. */
const MAX_SCANNED = 2000;
/** A function's answer is at most 6 MB. */
const MAX_PAGE_CHARS = 2 * 1024 * 1024;

/** Those of one agent are read where the agent finds them; for any other filter, entries are looked through. */
export async function listEntries(
  ports: { readonly table: Pick<Table, 'query'>; readonly trustDomain: TrustDomain } & Pick<EntryItems, 'entryOf'>,
  { after, limit = 100, filter = {} }: EntryListing,
): Promise<EntryPage> {
  const isFiltered = !isEmptyFilter(filter);
  const { parentId } = filter;
  const pk = parentId !== undefined && isAgentId(parentId, ports.trustDomain) ? parentKey(parentId) : BY_ID;
  const entries: RegistrationEntry[] = [];
  let [cursor, scanned, chars] = [after, 0, 0];
  for (;;) {
    const page = await ports.table.query({ pk, after: cursor, limit: isFiltered ? SCAN_PAGE_LENGTH : limit });
    const read = await Promise.all(page.items.map(ports.entryOf));
    for (const [index, item] of page.items.entries()) {
      const entry = read[index];
      if (entry === undefined || !fitsFilter(entry, filter)) continue;
      entries.push(entry);
      chars += String(item.attributes['body']).length;
      if (entries.length < limit && chars < MAX_PAGE_CHARS) continue;
      const isLast = index === page.items.length - 1 && page.next === undefined;
      return isLast ? { entries } : { entries, next: item.sk };
    }
    scanned += page.items.length;
    if (page.next === undefined) return { entries };
    if (!isFiltered || scanned >= MAX_SCANNED) return { entries, next: page.next };
    cursor = page.next;
  }
}
