/**
 * Which SVIDs live under an entry, and which an agent fetched: so that all of them can be taken back. An SVID is in it
 * before it is signed, for as long as it lives.
 */
import type { Mac } from '@postern/keys';
import type { Item, Key, Table } from '@postern/store';
import { createSealedItems } from './sealed_item.ts';

export interface IssuedSvid {
  readonly serial: string;
  readonly spiffeId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** By whom, and for which entry. */
export interface IssuedBy {
  /** SPIFFE ID of an agent, or what proved the identity. */
  readonly requester: string;
  readonly entryId?: string;
}

export interface IssuedIndex {
  /** Durable when it resolves. One transaction. */
  note(svid: IssuedSvid & IssuedBy): Promise<void>;
  /** Of an entry id, or of an agent's SPIFFE ID. One query a thousand. */
  list(kind: 'entry' | 'agent', name: string): AsyncIterable<IssuedSvid>;
}

/** Verifiers go on for as long as clocks differ. */
const KEEP_SECONDS = 3600;
const PAGE = 1000;

const keyOf = (kind: 'entry' | 'agent', name: string, serial: string): Key => ({
  pk: `issued#${kind}#${name}`,
  sk: serial,
});

export function createIssuedIndex(ports: {
  readonly table: Pick<Table, 'transact' | 'query'>;
  readonly mac: Mac;
  readonly onForged: (key: Key) => void;
}): IssuedIndex {
  const { table } = ports;
  const sealed = createSealedItems(ports.mac, ports.onForged);
  return {
    async note({ serial, spiffeId, notBeforeMs, notAfterMs, requester, entryId }) {
      const value = { serial, spiffeId, notBeforeMs, notAfterMs };
      const expiresAtSeconds = Math.ceil(notAfterMs / 1000) + KEEP_SECONDS;
      const keys = [keyOf('agent', requester, serial)];
      if (entryId !== undefined) keys.push(keyOf('entry', entryId, serial));
      const items: Item[] = await Promise.all(keys.map((key) => sealed.close(key, value, expiresAtSeconds)));
      await table.transact(items.map((put) => ({ put })));
    },
    async *list(kind, name) {
      const { pk } = keyOf(kind, name, '-');
      for (let after: string | undefined, isMore = true; isMore; isMore = after !== undefined) {
        const page = await table.query({ pk, limit: PAGE, ...(after !== undefined && { after }) });
        for (const item of page.items) {
          const svid = await sealed.open<IssuedSvid>(item);
          if (svid !== undefined) yield svid;
        }
        after = page.next;
      }
    },
  };
}
