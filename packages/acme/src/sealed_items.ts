/**
 * Sealed items of one shape in the table: made where there is none, and replaced only as they were read. Whoever can merely
 * write the table can take one away, and put none there. Partitions of different kinds have different keys.
 */
import { createSealedItems as createMacItems } from '@postern/ca';
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

export function createSealedItems<T extends object>(ports: {
  readonly table: Table;
  readonly mac: Mac;
  readonly onForged: (key: Key) => void;
}): SealedItems<T> {
  const { table } = ports;
  const { close, open } = createMacItems(ports.mac, ports.onForged);

  const creation = async (key: Key, value: T, expiresAtSeconds?: number) => ({
    put: await close(key, value, expiresAtSeconds),
    condition: { kind: 'absent' } as const,
  });
  const replacement = async (key: Key, before: T, value: T, expiresAtSeconds?: number) => ({
    put: await close(key, value, expiresAtSeconds),
    condition: { kind: 'equals', attribute: 'body', value: canonicalJson(before) } as const,
  });

  return {
    open: (item) => open<T>(item),
    creation,
    replacement,
    async get(key) {
      const item = await table.get(key);
      return item && open<T>(item);
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
