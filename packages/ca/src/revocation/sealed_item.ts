/** Items with a MAC over key and body: what was changed, moved, or written by somebody without the key is not read. */
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import type { Item, Key } from '@postern/store';

export interface SealedItems {
  close(key: Key, value: object, expiresAtSeconds?: number): Promise<Item>;
  /** `undefined` for what does not carry its MAC: it is reported, and used by nobody. */
  open<T>(item: Item): Promise<T | undefined>;
}

export function createSealedItems(mac: Mac, onForged: (key: Key) => void): SealedItems {
  const input = ({ pk, sk }: Key, body: string) => Buffer.from(`${pk}\u0000${sk}\u0000${body}`);
  return {
    async close(key, value, expiresAtSeconds) {
      const body = canonicalJson(value);
      const attributes = { body, mac: await mac.compute(input(key, body)) };
      return { ...key, attributes, ...(expiresAtSeconds !== undefined && { expiresAtSeconds }) };
    },
    async open<T>(item: Item) {
      const { body, mac: tag } = item.attributes;
      if (typeof body === 'string' && tag instanceof Uint8Array && (await mac.verify(input(item, body), tag)))
        return JSON.parse(body) as T;
      onForged({ pk: item.pk, sk: item.sk });
      return undefined;
    },
  };
}
