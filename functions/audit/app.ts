/** The auditor's door: search, single records, and the trail itself for offline verification. */
import { PATHS } from '@postern/api';
import { findRecord, listRecords, type RecordQuery, type Trail } from '@postern/audit';
import type { Clock, Table } from '@postern/store';
import type { Hono } from 'hono';
import type { VerifyAdministrator } from '../door/administrator.ts';
import { createDoor, type DoorPorts } from '../door/door.ts';
import { isCursor } from '../door/shape.ts';

export interface AuditPorts extends DoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly trail: Trail;
  readonly table: Table;
  readonly clock: Clock;
}

const MAX_TRAIL_PAGE = 200;
/** Of its segments: a platform answers 6 MB at most, and the producers go with each page. */
const MAX_TRAIL_PAGE_BYTES = 2 * 1024 * 1024;

export function createAuditApp(ports: AuditPorts): Hono {
  const door = createDoor('audit', ports);
  const { verifyAdministrator, trail, table } = ports;

  door.administrator(verifyAdministrator, 'records:read', 'GET', PATHS.admin.records, 0, async (context) => {
    const { kind, outcome, service, party, after, limit } = context.req.query();
    const size = limit === undefined ? undefined : Number(limit);
    if (size !== undefined && !(Number.isSafeInteger(size) && size >= 1 && size <= 1000))
      return { refused: 'malformed-request', reason: 'limit' };
    // A day's start in milliseconds and a slash stand before the store's own cursor.
    const cursor = after?.slice(after.indexOf('/') + 1) || undefined;
    if (!isCursor(cursor)) return { refused: 'malformed-request', reason: 'cursor' };
    const query = { kind: kind as RecordQuery['kind'], outcome, service, party, after, limit: size };
    return context.json(await listRecords(table, query, ports.clock.nowMs()));
  });

  door.administrator(verifyAdministrator, 'records:read', 'GET', PATHS.admin.record(':id'), 0, async (context) => {
    const record = await findRecord(table, context.req.param('id') ?? '');
    return record === undefined ? { refused: 'not-found', reason: 'record-unknown' } : context.json(record);
  });

  /** A page of the trail: segments in order and, with the last page, the producers and how far each was acknowledged. */
  door.administrator(verifyAdministrator, 'trail:export', 'GET', PATHS.admin.trail, 0, async (context) => {
    const after = Number(context.req.query('after') ?? '0');
    if (!Number.isSafeInteger(after) || after < 0) return { refused: 'malformed-request', reason: 'trail-position' };
    // Producers before segments: what is acknowledged after this is not missed in the segments.
    const producers = (await trail.producers()).map(({ certificate, to, isClosed, heartbeat }) => ({
      certificate,
      to,
      isClosed,
      heartbeat,
    }));
    const entries = await trail.entries(after, MAX_TRAIL_PAGE);
    const segments: { readonly place: number; readonly producer: string; readonly jws: string }[] = [];
    let bytes = 0;
    for (const { place, producer, from } of entries) {
      // A lost object is for the verifier to state, not for us to hide.
      const jws = (await trail.segment({ producer, from })) ?? '';
      bytes += jws.length;
      if (bytes > MAX_TRAIL_PAGE_BYTES && segments.length > 0) break;
      segments.push({ place, producer, jws });
    }
    const isLast = segments.length === entries.length && entries.length < MAX_TRAIL_PAGE;
    const next = isLast ? undefined : segments[segments.length - 1]?.place;
    return context.json({ producers, segments, next });
  });

  return door.app;
}
