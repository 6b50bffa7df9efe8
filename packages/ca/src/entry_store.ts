/**
 * Registration entries in the table, each with a MAC: whoever can merely write the table cannot name a workload. An item
 * that does not carry its MAC is never used; it is reported and passed over, so that one forged item stops nobody else.
 *
 * Cost: `create` and `delete` one transaction; `listForParent` one query a page, however many other entries there are.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock, Item, Table } from '@postern/store';
import { checkEntryInput, type EntryInput, type EntryReason, type RegistrationEntry } from './registration_entry.ts';

export interface EntryPage {
  readonly entries: readonly RegistrationEntry[];
  readonly next?: string;
}

export interface EntryStore {
  /** `entry-exists`: the same identity for the same selectors on the same node. */
  create(input: EntryInput): Promise<Result<RegistrationEntry, EntryReason | 'entry-exists'>>;
  /** `id`: untrusted. */
  get(id: string): Promise<RegistrationEntry | undefined>;
  list(options?: { readonly after?: string; readonly limit?: number }): Promise<EntryPage>;
  /** All entries of one agent that have not expired. */
  listForParent(parentId: string): Promise<readonly RegistrationEntry[]>;
  delete(id: string): Promise<Result<RegistrationEntry, 'entry-unknown'>>;
}

/** Under its own key an entry is found by id, under its parent by the agent that asks, under its identity only once. */
const ALL = 'entry';
const parentKey = (parentId: string) => `entry-of#${parentId}`;
const uniqueKey = (entry: EntryInput) => ({ pk: 'entry-identity', sk: digestKey(entry) });
/** Bounds what one node can make us read; no node runs more workloads. */
const MAX_ENTRIES_PER_PARENT = 100_000;
/** An administrator still finds an expired entry for this long; its place is free at once. */
const KEEP_EXPIRED_SECONDS = 7 * 24 * 60 * 60;
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
  const { table, mac, clock, trustDomain } = ports;

  async function itemOf(pk: string, entry: RegistrationEntry): Promise<Item> {
    const body = canonicalJson(entry);
    const attributes = { body, mac: await mac.compute(macInput(pk, body)) };
    return { pk, sk: entry.id, attributes, ...expiryOf(entry, KEEP_EXPIRED_SECONDS) };
  }

  async function entryOf(item: Item): Promise<RegistrationEntry | undefined> {
    const { body, mac: tag } = item.attributes;
    const isGenuine =
      typeof body === 'string' && tag instanceof Uint8Array && (await mac.verify(macInput(item.pk, body), tag));
    const entry = isGenuine ? (JSON.parse(body) as RegistrationEntry) : undefined;
    if (entry?.id === item.sk) return entry;
    ports.onForged({ pk: item.pk, sk: item.sk });
    return undefined;
  }

  async function entriesOf(items: readonly Item[]): Promise<RegistrationEntry[]> {
    const entries = await Promise.all(items.map(entryOf));
    return entries.filter((entry) => entry !== undefined);
  }

  async function get(id: string): Promise<RegistrationEntry | undefined> {
    const item = ENTRY_ID.test(id) ? await table.get({ pk: ALL, sk: id }) : undefined;
    return item && entryOf(item);
  }

  return {
    get,
    async create(input) {
      const checked = checkEntryInput(input, trustDomain);
      if (!checked.ok) return checked;
      const nowMs = clock.nowMs();
      if (input.expiresAtMs !== undefined && input.expiresAtMs <= nowMs) return refuse('entry-expiry', 'in the past');
      const entry: RegistrationEntry = {
        id: ports.createId(),
        revision: 1,
        spiffeId: input.spiffeId,
        parentId: input.parentId,
        selectors: [...input.selectors].sort(),
        dnsNames: input.dnsNames ?? [],
        hint: input.hint ?? '',
        createdAtMs: nowMs,
        ...(input.ttlSeconds === undefined ? {} : { ttlSeconds: input.ttlSeconds }),
        ...(input.expiresAtMs === undefined ? {} : { expiresAtMs: input.expiresAtMs }),
      };
      const written = await table.transact([
        { put: await itemOf(ALL, entry), condition: { kind: 'absent' } },
        { put: await itemOf(parentKey(entry.parentId), entry), condition: { kind: 'absent' } },
        {
          put: { ...uniqueKey(entry), attributes: { id: entry.id }, ...expiryOf(entry, 0) },
          condition: { kind: 'absent' },
        },
      ]);
      return written.ok ? accept(entry) : refuse('entry-exists');
    },
    async list(options) {
      const page = await table.query({ pk: ALL, ...options });
      const entries = await entriesOf(page.items);
      return page.next === undefined ? { entries } : { entries, next: page.next };
    },
    async listForParent(parentId) {
      const entries: RegistrationEntry[] = [];
      const nowMs = clock.nowMs();
      let after: string | undefined;
      do {
        const page = await table.query({ pk: parentKey(parentId), after, limit: 1000 });
        for (const entry of await entriesOf(page.items)) {
          const isLive = entry.expiresAtMs === undefined || entry.expiresAtMs > nowMs;
          if (entry.parentId === parentId && isLive) entries.push(entry);
        }
        after = page.next;
      } while (after !== undefined && entries.length < MAX_ENTRIES_PER_PARENT);
      return entries;
    },
    async delete(id) {
      const entry = await get(id);
      if (entry === undefined) return refuse('entry-unknown');
      // The place of an expired entry may be another one's by now.
      const isPlaceOurs = entry.expiresAtMs === undefined || entry.expiresAtMs > clock.nowMs();
      const deleted = await table.transact([
        { delete: { pk: ALL, sk: id }, condition: { kind: 'present' } },
        { delete: { pk: parentKey(entry.parentId), sk: id } },
        ...(isPlaceOurs ? [{ delete: uniqueKey(entry) }] : []),
      ]);
      return deleted.ok ? accept(entry) : refuse('entry-unknown');
    },
  };
}

function expiryOf(entry: RegistrationEntry, keepSeconds: number): Pick<Item, 'expiresAtSeconds'> {
  if (entry.expiresAtMs === undefined) return {};
  return { expiresAtSeconds: Math.floor(entry.expiresAtMs / 1000) + keepSeconds };
}

/** The same workload on the same node is entered once; a second entry would be a second identity by accident. */
function digestKey(entry: EntryInput): string {
  const identity = canonicalJson([entry.parentId, entry.spiffeId, [...entry.selectors].sort(), entry.hint ?? '']);
  return createHash('sha256').update(identity).digest('hex');
}

/** The key is part of what is authenticated: an item that was moved is forged. */
function macInput(pk: string, body: string): Uint8Array {
  return Buffer.from(`${pk}\u0000${body}`);
}
