/** What would make the control plane's entries those of a file: compared here, done by `apply_plan.ts`. */
import type { EntryAnswer } from '@postern/api';
import type { EntryFile, WantedEntry } from './entry_file.ts';
import { changesOf, keyOf, type MemberChange, nameOf } from './entry_key.ts';

export interface EntryUpdate extends WantedEntry {
  readonly before: EntryAnswer;
  readonly changes: readonly MemberChange[];
}

export interface EntryPlan {
  readonly create: readonly WantedEntry[];
  readonly update: readonly EntryUpdate[];
  readonly delete: readonly EntryAnswer[];
  readonly unchanged: number;
  /** The file's no more, and left alone since nobody said to delete them. */
  readonly kept: readonly EntryAnswer[];
  /** There already, and another one's: entered by hand, or of another file. */
  readonly conflicts: readonly (WantedEntry & { readonly existing: EntryAnswer })[];
}

export interface PlanOptions {
  readonly prune: boolean;
  /** Takes over what is another one's. */
  readonly adopt: boolean;
}

/**
 * `existing`: all that the caller may see. An entry is the file's own by its owner; of these, one that has the same SPIFFE ID,
 * parent and hint and other selectors is changed rather than left standing with the old ones beside a new one.
 */
export function planEntries(wanted: EntryFile, existing: readonly EntryAnswer[], options: PlanOptions): EntryPlan {
  const byKey = new Map(existing.map((entry) => [keyOf(entry), entry]));
  const [create, update, conflicts] = [
    [] as WantedEntry[],
    [] as EntryUpdate[],
    [] as EntryPlan['conflicts'][number][],
  ];
  const taken = new Set<string>();
  const fresh: WantedEntry[] = [];
  let unchanged = 0;

  function pair(entry: WantedEntry, before: EntryAnswer): void {
    taken.add(before.id);
    const changes = changesOf(before, entry.request);
    if (changes.length === 0) unchanged++;
    else update.push({ ...entry, before, changes });
  }

  for (const entry of wanted.entries) {
    const before = byKey.get(keyOf(entry.request));
    if (before === undefined) fresh.push(entry);
    else if (before.owner === wanted.owner || options.adopt) pair(entry, before);
    else conflicts.push({ ...entry, existing: before });
  }
  const own = existing.filter(({ id, owner }) => owner === wanted.owner && !taken.has(id));
  const renamed = Map.groupBy(own, nameOf);
  for (const entry of fresh) {
    const before = renamed.get(nameOf(entry.request))?.shift();
    if (before === undefined) create.push(entry);
    else pair(entry, before);
  }
  const left = own.filter(({ id }) => !taken.has(id));
  const [gone, kept] = options.prune ? [left, []] : [[], left];
  return { create, update, delete: gone, unchanged, kept, conflicts };
}

export function isEmptyPlan(plan: EntryPlan): boolean {
  return plan.create.length + plan.update.length + plan.delete.length === 0;
}
