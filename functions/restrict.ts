/**
 * A function's stores and keys, cut down to its row of `ACCESS`. The platform cuts them down too, by grants made from the
 * same table; here it holds in one process as well, and a function that needs more than its row says shows in every test.
 */
import type { KeyRing, MacKeyName, SigningKeyName } from '@postern/keys';
import type { Objects, Table, Write } from '@postern/store';
import { type Access, accessOf, type FunctionName, OBJECT_FOLDERS, PARTITIONS, type PartitionName } from './access.ts';

/** A fault of ours: the function's row and its code disagree. */
export class AccessExceeded extends Error {
  override readonly name = 'AccessExceeded';
}

export function restrictTable(table: Table, name: FunctionName): Table {
  const { reads, writes, deletes = [] } = accessOf(name);
  const uses = { read: reads, write: writes, delete: deletes };
  const checked = (use: keyof typeof uses, pk: string) => {
    const partitions = uses[use];
    if (!partitions.some((partition) => isOf(partition, pk)))
      throw new AccessExceeded(`\`${name}\` may not ${use} \`${pk.slice(0, 64)}\` of the table`);
  };
  return {
    async get(key) {
      checked('read', key.pk);
      return table.get(key);
    },
    async query(query) {
      checked('read', query.pk);
      return table.query(query);
    },
    async put(item, condition) {
      checked('write', item.pk);
      return table.put(item, condition);
    },
    async update(update) {
      checked('write', update.pk);
      return table.update(update);
    },
    async delete(key, condition) {
      checked('delete', key.pk);
      return table.delete(key, condition);
    },
    async transact(written) {
      for (const write of written) checked(useOf(write), partitionKeyOf(write));
      return table.transact(written);
    },
  };
}

function useOf(write: Write): 'read' | 'write' | 'delete' {
  if ('check' in write) return 'read';
  return 'delete' in write ? 'delete' : 'write';
}

function partitionKeyOf(write: Write): string {
  if ('put' in write) return write.put.pk;
  if ('update' in write) return write.update.pk;
  return 'delete' in write ? write.delete.pk : write.check.pk;
}

/** Whether a partition key belongs to a partition of the table. */
export function isOf(partition: PartitionName, pk: string): boolean {
  return PARTITIONS[partition].some((pattern) =>
    pattern.endsWith('*') ? pk.startsWith(pattern.slice(0, -1)) : pk === pattern,
  );
}

export function restrictObjects(objects: Objects, name: FunctionName): Objects {
  const { readsObjects, writesObjects } = accessOf(name);
  const checked = (folders: Access['readsObjects'], object: string) => {
    if (!folders.some((folder) => object.startsWith(OBJECT_FOLDERS[folder])))
      throw new AccessExceeded(`\`${name}\` may not use the object \`${object.slice(0, 64)}\` so`);
  };
  return {
    async putIfAbsent(object, bytes) {
      checked(writesObjects, object);
      return objects.putIfAbsent(object, bytes);
    },
    async get(object) {
      checked(readsObjects, object);
      return objects.get(object);
    },
    async list(prefix, options) {
      checked(readsObjects, prefix);
      return objects.list(prefix, options);
    },
  };
}

export function restrictKeys(keys: KeyRing, name: FunctionName): KeyRing {
  const { signingKeys, macKeys, createsKeys = [] } = accessOf(name);
  const refused = (key: SigningKeyName | MacKeyName) =>
    new AccessExceeded(`\`${name}\` may not use the key \`${key}\` so`);
  return {
    async signer(key, generation) {
      if (signingKeys[key] !== 'sign') throw refused(key);
      return keys.signer(key, generation);
    },
    async publicKey(key, generation) {
      if (signingKeys[key] === undefined) throw refused(key);
      return keys.publicKey(key, generation);
    },
    async create(key, generation) {
      if (!createsKeys.includes(key)) throw refused(key);
      return keys.create(key, generation);
    },
    async mac(key) {
      if (!macKeys.includes(key)) throw refused(key);
      return keys.mac(key);
    },
  };
}
