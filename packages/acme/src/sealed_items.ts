/**
 * Items that carry a MAC over their place and content: whoever can merely write the table can take one away, and put none
 * there. An item without its MAC is as if it were not there, and is reported.
 */
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import type { Item, Key, Table, Write } from '@postern/store';

export interface SealedItems<T> {
  get(key: Key): Promise<T | undefined>;
  /** False when there is one. `expiresAtSeconds`: when it is forgotten. */
  create(key: Key, value: T, expiresAtSeconds?: number): Promise<boolean>;
  /** False when it is not what was read any more. */
  replace(key: Key, before: T, value: T, expiresAtSeconds?: number): Promise<boolean>;
  /** To be part of a transaction. */
  creation(key: Key, value: T, expiresAtSeconds?: number): Promise<Write>;
  replacement(key: Key, before: T, value: T, expiresAtSeconds?: number): Promise<Write>;
  open(item: Item): Promise<T | undefined>;
}

/** `kind`: of the items, so that one of another kind under the same MAC key is none of these. */
export function createSealedItems<T extends object>(ports: {
  readonly kind: string;
  readonly table: Table;
  readonly mac: Mac;
  readonly onForged: (key: Key) => void;
}): SealedItems<T> {
  const { kind, table, mac, onForged } = ports;
  const inputOf = ({ pk, sk }: Key, body: string) => Buffer.from([kind, pk, sk, body].join('\u0000'));

  async function itemOf({ pk, sk }: Key, value: T, expiresAtSeconds: number | undefined): Promise<Item> {
    const body = canonicalJson(value);
    const attributes = { body, mac: await mac.compute(inputOf({ pk, sk }, body)) };
    return { pk, sk, attributes, ...(expiresAtSeconds !== undefined && { expiresAtSeconds }) };
  }

  async function open(item: Item): Promise<T | undefined> {
    const { body, mac: tag } = item.attributes;
    const isGenuine =
      typeof body === 'string' && tag instanceof Uint8Array && (await mac.verify(inputOf(item, body), tag));
    if (isGenuine) return JSON.parse(body) as T;
    onForged({ pk: item.pk, sk: item.sk });
    return undefined;
  }

  const creation = async (key: Key, value: T, expiresAtSeconds?: number) => ({
    put: await itemOf(key, value, expiresAtSeconds),
    condition: { kind: 'absent' } as const,
  });
  const replacement = async (key: Key, before: T, value: T, expiresAtSeconds?: number) => ({
    put: await itemOf(key, value, expiresAtSeconds),
    condition: { kind: 'equals', attribute: 'body', value: canonicalJson(before) } as const,
  });

  return {
    open,
    creation,
    replacement,
    async get(key) {
      const item = await table.get(key);
      return item && open(item);
    },
    async create(key, value, expiresAtSeconds) {
      const { put, condition } = await creation(key, value, expiresAtSeconds);
      return (await table.put(put, condition)).ok;
    },
    async replace(key, before, value, expiresAtSeconds) {
      const { put, condition } = await replacement(key, before, value, expiresAtSeconds);
      return (await table.put(put, condition)).ok;
    },
  };
}
