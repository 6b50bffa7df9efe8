/**
 * Registration entries in the table, each with a MAC: whoever can merely write the table cannot name a workload. An item
 * that does not carry its MAC is never used; it is reported and passed over, so that one forged item stops nobody else.
 *
 * Cost: `create`, `update` and `delete` one transaction, and below an attestor one short query a selector to file the
 * entry where few are; `listForParent` one query a page; `match` one query for each selector that was verified of the
 * caller. None of them depends on how many entries there are besides.
 */
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock, Item, Table, Write } from '@postern/store';
import type { Attestation } from './attestation.ts';
import {
  anchorKey,
  anyoneKey,
  BY_ID,
  createEntryItems,
  parentKey,
  placesOf,
  unchanged,
  uniqueItem,
  uniqueKey,
} from './entry_item.ts';
import { type EntryListing, type EntryPage, listEntries } from './entry_list.ts';
import { type MatchedEntry, matchEntries, type UnfilledEntry } from './entry_match.ts';
import { WORKLOAD_PROFILE } from './profile.ts';
import {
  attestorNameOf,
  attestorSpiffeId,
  checkEntryInput,
  type EntryInput,
  type EntryReason,
  type RegistrationEntry,
} from './registration_entry.ts';

export interface EntryStore {
  /**
   * `entry-exists`: the same identity for the same selectors at the same parent. `entry-anchors-full`: each of its
   * selectors has a thousand entries at that attestor.
   */
  create(input: EntryInput): Promise<Result<RegistrationEntry, EntryReason | 'entry-exists' | 'entry-anchors-full'>>;
  /**
   * Replaces all that `create` takes; what is the same already is left as it is. `id`: untrusted; `revision`: the one that
   * the change was made from. `entry-revision`: somebody changed it since.
   */
  update(
    id: string,
    revision: number,
    input: EntryInput,
  ): Promise<
    Result<RegistrationEntry, EntryReason | 'entry-exists' | 'entry-anchors-full' | 'entry-unknown' | 'entry-revision'>
  >;
  /** `id`: untrusted. */
  get(id: string): Promise<RegistrationEntry | undefined>;
  list(options?: EntryListing): Promise<EntryPage>;
  /** All entries of one agent that have not expired. */
  listForParent(parentId: string): Promise<readonly RegistrationEntry[]>;
  /**
   * The entries of whoever an attestor verified, oldest first: those below its instance, all of whose selectors it has, and
   * whose templates its claims fill. `onUnfilled`: one that only a claim's value keeps from it, for the record.
   */
  match(
    attestation: Pick<Attestation, 'attestor' | 'selectors' | 'claims'>,
    onUnfilled?: (unfilled: UnfilledEntry) => void,
  ): Promise<readonly MatchedEntry[]>;
  /** `revision`: only while it is that one (`entry-revision`). */
  delete(id: string, revision?: number): Promise<Result<RegistrationEntry, 'entry-unknown' | 'entry-revision'>>;
}

/** Bounds what one node, or one selector, can make us read; no node runs more workloads. */
const MAX_ENTRIES_PER_PLACE = 100_000;
const PAGE_LENGTH = 1000;
/** Two anchors with so many entries each are as good. */
const CROWD = 20;
/** Whoever is verified has all of a place's entries read for him: none may be made dear for everybody there. */
export const MAX_ENTRIES_PER_ANCHOR = 1000;
/** Somebody changes an entry again and again while it is being deleted. */
const MAX_DELETE_ATTEMPTS = 5;
/** UUIDv7 of ours, or nothing that is there. */
const ENTRY_ID = /^[\x21-\x7e]{1,64}$/;

export function createEntryStore(ports: {
  readonly table: Table;
  readonly mac: Mac;
  readonly clock: Clock;
  readonly trustDomain: TrustDomain;
  /** UUIDv7. */
  readonly createId: () => string;
  /** Recorded as `entry-mac`; an operator should look: somebody wrote the table who does not hold the key. */
  readonly onForged: (key: { readonly pk: string; readonly sk: string }) => void;
}): EntryStore {
  const { table, clock, trustDomain } = ports;
  const { itemOf, entryOf } = createEntryItems(ports.mac, ports.onForged);

  async function find(id: string): Promise<{ readonly item: Item; readonly entry: RegistrationEntry } | undefined> {
    const item = ENTRY_ID.test(id) ? await table.get({ pk: BY_ID, sk: id }) : undefined;
    const entry = item && (await entryOf(item));
    return item && entry && { item, entry };
  }

  const isLive = ({ expiresAtMs }: RegistrationEntry) => expiresAtMs === undefined || expiresAtMs > clock.nowMs();

  async function liveEntriesAt(pk: string, parentId: string): Promise<readonly RegistrationEntry[]> {
    const entries: RegistrationEntry[] = [];
    let after: string | undefined;
    do {
      const page = await table.query({ pk, after, limit: PAGE_LENGTH });
      for (const entry of await Promise.all(page.items.map(entryOf)))
        if (entry !== undefined && entry.parentId === parentId && isLive(entry)) entries.push(entry);
      after = page.next;
    } while (after !== undefined && entries.length < MAX_ENTRIES_PER_PLACE);
    return entries;
  }

  /** Where few are: entries that share a namespace and differ by account are filed by account. `before`: where it was. */
  async function choosePlace(
    entry: RegistrationEntry,
    before?: RegistrationEntry,
  ): Promise<Result<string, 'entry-anchors-full'>> {
    const places = placesOf(entry, trustDomain);
    if (attestorNameOf(entry.parentId, trustDomain) === undefined) return accept(places[0]);
    const few = await leastCrowded(places, CROWD);
    if (few.count < CROWD) return accept(few.pk);
    const least = await leastCrowded(places, MAX_ENTRIES_PER_ANCHOR);
    const stays = before !== undefined && placesOf(before, trustDomain).includes(least.pk);
    return least.count < MAX_ENTRIES_PER_ANCHOR || stays ? accept(least.pk) : refuse('entry-anchors-full');
  }

  async function leastCrowded(places: readonly string[], limit: number) {
    const crowds = await Promise.all(
      places.map(async (pk) => ({ pk, count: (await table.query({ pk, limit })).items.length })),
    );
    return crowds.reduce((least, crowd) => (crowd.count < least.count ? crowd : least));
  }

  /** Of a checked input. */
  function checkTimes(input: EntryInput): Result<void, EntryReason> {
    const { expiresAtMs } = input;
    const isPast = expiresAtMs !== undefined && expiresAtMs <= clock.nowMs();
    return isPast ? refuse('entry-expiry', 'in the past') : accept(undefined);
  }

  return {
    get: async (id) => (await find(id))?.entry,
    async create(input) {
      const checked = checkEntryInput(input, trustDomain);
      if (!checked.ok) return checked;
      const times = checkTimes(input);
      if (!times.ok) return times;
      const entry = { id: ports.createId(), revision: 1, ...contentOf(input), createdAtMs: clock.nowMs() };
      const place = await choosePlace(entry);
      if (!place.ok) return place;
      const written = await table.transact([
        { put: await itemOf(BY_ID, entry), condition: { kind: 'absent' } },
        { put: await itemOf(place.value, entry), condition: { kind: 'absent' } },
        { put: uniqueItem(entry), condition: { kind: 'absent' } },
      ]);
      return written.ok ? accept(entry) : refuse('entry-exists');
    },
    async update(id, revision, input) {
      const checked = checkEntryInput(input, trustDomain);
      if (!checked.ok) return checked;
      const held = await find(id);
      if (held === undefined) return refuse('entry-unknown');
      const { entry: before, item } = held;
      if (before.revision !== revision) return refuse('entry-revision');
      const { id: _id, createdAtMs, ...rest } = before;
      const { revision: _revision, updatedAtMs: _updatedAtMs, ...content } = rest;
      const next = contentOf(input);
      if (JSON.stringify(sorted(content)) === JSON.stringify(sorted(next))) return accept(before);
      const times = checkTimes(input);
      if (!times.ok) return times;
      const entry = { id, revision: revision + 1, ...next, createdAtMs, updatedAtMs: clock.nowMs() };
      const place = await choosePlace(entry, before);
      if (!place.ok) return place;
      const written = await table.transact([
        { put: await itemOf(BY_ID, entry), condition: unchanged(item) },
        { put: await itemOf(place.value, entry) },
        ...placesOf(before, trustDomain)
          .filter((pk) => pk !== place.value)
          .map((pk) => ({ delete: { pk, sk: id } })),
        ...renameWrites(before, entry, isLive(before)),
      ]);
      if (written.ok) return accept(entry);
      const now = (await find(id))?.entry;
      if (now === undefined) return refuse('entry-unknown');
      return refuse(now.revision === revision ? 'entry-exists' : 'entry-revision');
    },
    list: (options = {}) => listEntries({ table, entryOf, trustDomain }, options),
    listForParent: (parentId) => liveEntriesAt(parentKey(parentId), parentId),
    async match(attestation, onUnfilled = () => undefined) {
      const parent = attestorSpiffeId(trustDomain, attestation.attestor);
      if (!parent.ok) return [];
      const { value: parentId } = parent;
      const anchors = [...new Set(attestation.selectors)].map((selector) => anchorKey(parentId, selector));
      const places = [anyoneKey(parentId), ...anchors];
      const found = await Promise.all(places.map((pk) => liveEntriesAt(pk, parentId)));
      return matchEntries(found.flat(), attestation, onUnfilled);
    },
    async delete(id, revision) {
      for (let attempt = 0; attempt < MAX_DELETE_ATTEMPTS; attempt++) {
        const held = await find(id);
        if (held === undefined) return refuse('entry-unknown');
        const { entry, item } = held;
        if (revision !== undefined && entry.revision !== revision) return refuse('entry-revision');
        const deleted = await table.transact([
          // Another revision may be filed elsewhere, and would stay there.
          { delete: { pk: BY_ID, sk: id }, condition: unchanged(item) },
          ...placesOf(entry, trustDomain).map((pk) => ({ delete: { pk, sk: id } })),
          // The place of an expired entry may be another one's by now.
          ...(isLive(entry) ? [{ delete: uniqueKey(entry) }] : []),
        ]);
        if (deleted.ok) return accept(entry);
      }
      return refuse('entry-revision');
    },
  };
}

/** What an administrator says of an entry, in the one form that it is kept in. */
function contentOf(input: EntryInput) {
  const { ttlSeconds, jwtTtlSeconds, expiresAtMs, owner } = input;
  return {
    spiffeId: input.spiffeId,
    parentId: input.parentId,
    selectors: [...input.selectors].sort(),
    dnsNames: input.dnsNames ?? [],
    federatesWith: [...(input.federatesWith ?? [])].sort(),
    hint: input.hint ?? '',
    profile: input.profile ?? WORKLOAD_PROFILE.name,
    ...(input.isTemplateShared === true ? { isTemplateShared: true as const } : {}),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
    ...(jwtTtlSeconds === undefined ? {} : { jwtTtlSeconds }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(owner === undefined ? {} : { owner }),
  };
}

const sorted = (content: object) => Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1));

/** The one place of an identity goes over with the entry; that of an expired entry is taken anew. */
function renameWrites(before: RegistrationEntry, after: RegistrationEntry, wasLive: boolean): readonly Write[] {
  const [old, put] = [uniqueKey(before), uniqueItem(after)];
  if (old.sk !== put.sk) return [{ put, condition: { kind: 'absent' } }, ...(wasLive ? [{ delete: old }] : [])];
  return [{ put, condition: wasLive ? { kind: 'equals', attribute: 'id', value: before.id } : { kind: 'absent' } }];
}
