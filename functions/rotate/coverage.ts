/**
 * Until when certificates of a root count: noted before each is signed, so that no root is distrusted under what it signed,
 * whoever crashed in between. One item for each hour in which one of them ends.
 */
import type { Table } from '@postern/store';

const PARTITION = 'authority';
const PREFIX = 'covers#';
const HOUR_MS = 60 * 60 * 1000;
/** An hour each for as long as an issuer of the key store lives, of a few roots. */
const MAX_PAGES = 10;

export interface Coverage {
  /** Durable when it resolves. One write an hour, root and instance. */
  note(generation: number, notAfterMs: number): Promise<void>;
  /** By generation; absent where nothing counts. Cost: a query. */
  until(): Promise<ReadonlyMap<number, number>>;
}

export function createCoverage(table: Table): Coverage {
  const noted = new Set<string>();
  return {
    async note(generation, notAfterMs) {
      const hour = Math.ceil(notAfterMs / HOUR_MS);
      const sk = `${PREFIX}${generation}#${hour}`;
      if (noted.has(sk)) return;
      const untilMs = hour * HOUR_MS;
      const attributes = { generation, untilMs };
      await table.put({ pk: PARTITION, sk, attributes, expiresAtSeconds: Math.ceil(untilMs / 1000) });
      if (noted.size > 1000) noted.clear();
      noted.add(sk);
    },
    async until() {
      const until = new Map<number, number>();
      let after: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const found = await table.query({
          pk: PARTITION,
          prefix: PREFIX,
          limit: 1000,
          ...(after !== undefined && { after }),
        });
        for (const { attributes } of found.items) {
          const [generation, untilMs] = [Number(attributes['generation']), Number(attributes['untilMs'])];
          until.set(generation, Math.max(until.get(generation) ?? 0, untilMs));
        }
        if (found.next === undefined) return until;
        after = found.next;
      }
      throw new Error('there are more notes of what certificates count than there can be');
    },
  };
}
