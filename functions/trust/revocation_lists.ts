/** Revocation lists as verifiers fetch them. Each is signed by its issuer: what is served here is believed for that alone. */
import { createHash } from 'node:crypto';
import { PATHS } from '@postern/api';
import { listKey, summariseRevocationList } from '@postern/ca';
import { type Clock, StoreUnavailable, type Table } from '@postern/store';
import type { Door } from '../door/door.ts';

export interface ListDoorPorts {
  readonly table: Pick<Table, 'get'>;
  readonly clock: Clock;
  readonly onOlder: (list: string) => void;
}

/** A verifier that follows this knows a revocation as soon; decision points know it in seconds. */
const MAX_AGE_SECONDS = 300;
const MAX_REMEMBERED = 10_000;
/** Numbers are the time in milliseconds. One of later is nobody's: remembered, it would keep the next ones out. */
const MAX_AHEAD_MS = 10 * 60_000;

/** Cost of a call: one read, and reading the list once. A list that is older than one served before is not served. */
export function mountListDoor(door: Pick<Door, 'open'>, ports: ListDoorPorts): void {
  const served = new Map<string, { readonly number: number; readonly etag: string; readonly nextUpdateMs: number }>();

  door.open('GET', PATHS.revocationList(':issuer', ':number'), 0, async (context, call) => {
    const [issuerKeyId, text] = [context.req.param('issuer') ?? '', context.req.param('number') ?? ''];
    if (!/^[0-9a-f]{40}$/.test(issuerKeyId) || !/^(?:0|[1-9]\d{0,8})$/.test(text))
      return { refused: 'not-found', reason: 'revocation-list-name' };
    const key = listKey({ issuerKeyId, number: Number(text) });
    const der = (await ports.table.get(key))?.attributes['der'];
    if (!(der instanceof Uint8Array)) return { refused: 'not-found', reason: 'revocation-list-unknown' };
    const etag = `"${createHash('sha256').update(der).digest('base64url')}"`;
    const before = served.get(key.sk);
    const found = before?.etag === etag ? before : readList(der, etag);
    if (found.number < (before?.number ?? 0)) {
      ports.onOlder(key.sk);
      return { refused: 'unavailable', reason: 'revocation-list-older' };
    }
    remember(key.sk, found);
    const leftSeconds = Math.max(0, Math.floor((found.nextUpdateMs - ports.clock.nowMs()) / 1000));
    const headers = {
      'content-type': 'application/pkix-crl',
      'cache-control': `public, max-age=${Math.min(MAX_AGE_SECONDS, leftSeconds)}`,
      etag,
    };
    if (call.headers.get('if-none-match') === etag) return context.body(null, 304, headers);
    return context.body(Uint8Array.from(der), 200, headers);
  });

  /** Those that were asked for last. */
  function remember(name: string, found: ReturnType<typeof readList>): void {
    served.delete(name);
    served.set(name, found);
    const [oldest] = served.keys();
    if (served.size > MAX_REMEMBERED && oldest !== undefined) served.delete(oldest);
  }

  function readList(der: Uint8Array, etag: string) {
    const list = summariseRevocationList(der);
    if (list === undefined || list.number > ports.clock.nowMs() + MAX_AHEAD_MS)
      throw new StoreUnavailable('a stored revocation list cannot be read');
    return { number: list.number, etag, nextUpdateMs: list.nextUpdateMs };
  }
}
