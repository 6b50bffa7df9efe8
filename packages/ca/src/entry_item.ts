/**
 * Registration entries as items of the table, and where they are filed: once by id, once where whoever asks finds them.
 * The MAC covers key and body, so that an item that was changed or moved is forged.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import type { TrustDomain } from '@postern/spiffe';
import type { Item, Key } from '@postern/store';
import { WORKLOAD_PROFILE } from './profile.ts';
import { attestorNameOf, type EntryInput, type RegistrationEntry } from './registration_entry.ts';

/** Every entry by its id: what administrators see. */
export const BY_ID = 'entry';
/** An administrator still finds an expired entry for this long; its place is free at once. */
const KEEP_EXPIRED_SECONDS = 7 * 24 * 60 * 60;

export interface EntryItems {
  itemOf(pk: string, entry: RegistrationEntry): Promise<Item>;
  /** `undefined` for an item that does not carry its MAC: it is reported, and used by nobody. */
  entryOf(item: Item): Promise<RegistrationEntry | undefined>;
}

/** `onForged`: somebody wrote the table who does not hold the key. */
export function createEntryItems(
  mac: Mac,
  onForged: (key: { readonly pk: string; readonly sk: string }) => void,
): EntryItems {
  return {
    async itemOf(pk, entry) {
      const body = canonicalJson(entry);
      const attributes = { body, mac: await mac.compute(macInput(pk, body)) };
      return { pk, sk: entry.id, attributes, ...expiryOf(entry, KEEP_EXPIRED_SECONDS) };
    },
    async entryOf(item) {
      const { body, mac: tag } = item.attributes;
      const isGenuine =
        typeof body === 'string' && tag instanceof Uint8Array && (await mac.verify(macInput(item.pk, body), tag));
      const entry = isGenuine ? readBody(body) : undefined;
      if (entry?.id === item.sk) return entry;
      onForged({ pk: item.pk, sk: item.sk });
      return undefined;
    },
  };
}

/** Written by us; by an earlier version without what entries had not yet. */
function readBody(body: string): RegistrationEntry {
  const stored = JSON.parse(body) as Partial<RegistrationEntry>;
  return { federatesWith: [], profile: WORKLOAD_PROFILE.name, ...stored } as RegistrationEntry;
}

/** The whole item as it was read: a change replaces it only while it is still that. */
export function unchanged(item: Item): { readonly kind: 'equals'; readonly attribute: string; readonly value: string } {
  return { kind: 'equals', attribute: 'body', value: String(item.attributes['body']) };
}

/** Where the agent with this ID finds the entries of its node. */
export const parentKey = (parentId: string): string => `entry-of#${parentId}`;

/** Below an attestor: under one of the entry's selectors, its anchor. Whoever matches has that selector, and asks there. */
export const anchorKey = (parentId: string, selector: string): string =>
  `entry-of#${parentId}#${createHash('sha256').update(selector).digest('hex')}`;

/** Templates for everybody who is proven at the attestor. */
export const anyoneKey = (parentId: string): string => `entry-of#${parentId}#any`;

/** All keys under which an entry may be filed besides its id; it is under one of them. */
export function placesOf(
  { parentId, selectors }: Pick<RegistrationEntry, 'parentId' | 'selectors'>,
  trustDomain: TrustDomain,
): readonly [string, ...string[]] {
  if (attestorNameOf(parentId, trustDomain) === undefined) return [parentKey(parentId)];
  const [first, ...rest] = selectors.map((selector) => anchorKey(parentId, selector));
  return first === undefined ? [anyoneKey(parentId)] : [first, ...rest];
}

/** The same workload at the same parent is entered once; a second entry would be a second identity by accident. */
export function uniqueKey(entry: EntryInput): Key {
  const identity = [entry.parentId, entry.spiffeId, [...entry.selectors].sort(), entry.hint ?? ''];
  return { pk: 'entry-identity', sk: createHash('sha256').update(canonicalJson(identity)).digest('hex') };
}

/** Keeps it taken until the entry has ended, and not a second less. */
export function uniqueItem(entry: RegistrationEntry): Item {
  return { ...uniqueKey(entry), attributes: { id: entry.id }, ...expiryOf(entry, 0) };
}

function expiryOf(entry: RegistrationEntry, keepSeconds: number): Pick<Item, 'expiresAtSeconds'> {
  if (entry.expiresAtMs === undefined) return {};
  return { expiresAtSeconds: Math.ceil(entry.expiresAtMs / 1000) + keepSeconds };
}

function macInput(pk: string, body: string): Uint8Array {
  return Buffer.from(`${pk}\u0000${body}`);
}
