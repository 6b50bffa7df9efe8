/** Of the entries that were read, those that a proven caller is entitled to, each with the names that its claims make. */
import { accept, type Result } from '@postern/result';
import type { SpiffeId } from '@postern/spiffe';
import type { Attestation } from './attestation.ts';
import { type FillReason, fillDnsName, fillSpiffeId } from './entry_template.ts';
import { RESERVED_PATH, type RegistrationEntry } from './registration_entry.ts';

export interface MatchedEntry {
  /** With its DNS names filled. */
  readonly entry: RegistrationEntry;
  /** The entry's, its template filled. */
  readonly spiffeId: SpiffeId;
}

/** An entry that fits but for a claim that cannot be part of its names. */
export interface UnfilledEntry {
  readonly entryId: string;
  readonly reason: FillReason | 'template-path-reserved';
  /** Name of the claim. */
  readonly detail?: string;
}

/** In order of age, as the Workload API has them (Workload API 8). */
export function matchEntries(
  found: readonly RegistrationEntry[],
  { selectors, claims }: Pick<Attestation, 'selectors' | 'claims'>,
  onUnfilled: (unfilled: UnfilledEntry) => void,
): readonly MatchedEntry[] {
  const has = new Set(selectors);
  const matched: MatchedEntry[] = [];
  for (const entry of newestOf(found)) {
    if (!entry.selectors.every((selector) => has.has(selector))) continue;
    const filled = fillEntry(entry, claims);
    if (filled.ok) matched.push(filled.value);
    else {
      const { reason, detail } = filled;
      onUnfilled({ entryId: entry.id, reason, ...(detail === undefined ? {} : { detail }) });
    }
  }
  return matched.sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1));
}

/** One that is found twice was filed elsewhere before it was changed, and somebody put that back. */
function newestOf(found: readonly RegistrationEntry[]): Iterable<RegistrationEntry> {
  const byId = new Map<string, RegistrationEntry>();
  for (const entry of found) if (entry.revision > (byId.get(entry.id)?.revision ?? 0)) byId.set(entry.id, entry);
  return byId.values();
}

function fillEntry(
  entry: RegistrationEntry,
  claims: ReadonlyMap<string, string>,
): Result<MatchedEntry, UnfilledEntry['reason']> {
  const id = fillSpiffeId(entry.spiffeId, claims);
  if (!id.ok) return id;
  // A template begins with what its maker wrote, and that was checked; whatever comes of it is looked at all the same.
  if (`${id.value.path}/`.startsWith(RESERVED_PATH)) return { ok: false, reason: 'template-path-reserved' };
  const dnsNames: string[] = [];
  for (const template of entry.dnsNames) {
    const name = fillDnsName(template, claims);
    if (!name.ok) return name;
    if (!dnsNames.includes(name.value)) dnsNames.push(name.value);
  }
  return accept({ entry: { ...entry, dnsNames }, spiffeId: id.value });
}
