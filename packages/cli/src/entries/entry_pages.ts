/** Entries of the control plane, page after page: each call looks at a bounded number of them. */
import { type EntriesAnswer, type EntryAnswer, PATHS } from '@postern/api';
import type { Cli } from '../cli.ts';
import type { ControlPlane } from '../control_plane.ts';
import { CommandFailure } from '../failure.ts';

export interface EntryFilterOptions {
  readonly prefix?: string;
  readonly parent?: string;
  readonly selector?: string;
  readonly owner?: string;
}

const PAGE_LENGTH = 1000;
const MAX_ENTRIES = 200_000;

/**
 * Up to `most` that fit, in as many calls as that takes. `next`: there may be more. A page may be empty and have more after
 * it.
 */
export async function fetchEntries(
  controlPlane: ControlPlane,
  filter: EntryFilterOptions,
  { after, most }: { readonly after?: string | undefined; readonly most: number },
): Promise<EntriesAnswer> {
  const entries: EntryAnswer[] = [];
  let cursor = after;
  do {
    const limit = Math.min(PAGE_LENGTH, most - entries.length);
    const page: EntriesAnswer = await controlPlane.get(PATHS.admin.entries, { ...filter, limit, after: cursor });
    entries.push(...page.entries);
    cursor = page.next;
  } while (cursor !== undefined && entries.length < most);
  return cursor === undefined ? { entries } : { entries, next: cursor };
}

/** All that the caller may see; one call for a thousand. */
export async function fetchAllEntries({ io }: Cli, controlPlane: ControlPlane): Promise<readonly EntryAnswer[]> {
  const entries: EntryAnswer[] = [];
  let after: string | undefined;
  do {
    const page = await fetchEntries(controlPlane, {}, { after, most: PAGE_LENGTH });
    entries.push(...page.entries);
    after = page.next;
    io.progress?.(`${entries.length} entries read`);
    if (entries.length > MAX_ENTRIES)
      throw new CommandFailure(
        'refused',
        'entries-too-many',
        `there are more than ${MAX_ENTRIES} entries`,
        'apply as an administrator of one team’s paths, who sees those alone',
      );
  } while (after !== undefined);
  io.progress?.('');
  return entries;
}
