/** Items of the feed with their MAC: what was not written by a holder of the key, or not in this place, is not read. */
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import type { Item } from '@postern/store';

/** Somebody wrote the table who does not hold the key. Nothing of the feed is served until an operator has looked. */
export class FeedTampered extends Error {
  override readonly name = 'FeedTampered';
}

export interface Seal {
  /** Attributes of an item. */
  close(value: object): Promise<{ readonly body: string; readonly mac: Uint8Array }>;
  /** `isInPlace`: whether what the item says of itself is what its key says; a genuine item may have been moved. */
  open<T>(item: Item, isInPlace: (value: T) => boolean): Promise<T>;
}

export function createSeal(mac: Mac): Seal {
  return {
    async close(value) {
      const body = canonicalJson(value);
      return { body, mac: await mac.compute(Buffer.from(body)) };
    },
    async open<T>(item: Item, isInPlace: (value: T) => boolean) {
      const { body, mac: tag } = item.attributes;
      const isGenuine =
        typeof body === 'string' && tag instanceof Uint8Array && (await mac.verify(Buffer.from(body), tag));
      const value = isGenuine ? (JSON.parse(body) as T) : undefined;
      if (value !== undefined && isInPlace(value)) return value;
      throw new FeedTampered(
        `feed item \`${item.pk}\` \`${item.sk.slice(0, 80)}\` does not carry its MAC, or was moved`,
      );
    },
  };
}
