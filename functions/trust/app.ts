/** The trust bundle endpoint: what this trust domain's SVIDs are verified with (SPIFFE Federation 5.2, `https_web`). */
import { createHash } from 'node:crypto';
import { PATHS } from '@postern/api';
import { formatTrustBundle, type TrustBundle } from '@postern/spiffe';
import type { Hono } from 'hono';
import { createDoor, type DoorPorts } from '../door/door.ts';

export interface TrustPorts extends DoorPorts {
  readonly bundle: () => Promise<TrustBundle>;
}

/** Consumers ask again this often when the bundle names no hint (Federation 4.1). */
const DEFAULT_REFRESH_HINT_SECONDS = 300;

/** Cost of a call: one read of the bundle. */
export function createTrustApp(ports: TrustPorts): Hono {
  const door = createDoor('trust', ports);
  door.open('GET', PATHS.trustBundle, 0, async (context, call) => {
    const bundle = await ports.bundle();
    const body = formatTrustBundle(bundle);
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    const headers = {
      'content-type': 'application/json',
      'cache-control': `public, max-age=${bundle.refreshHintSeconds ?? DEFAULT_REFRESH_HINT_SECONDS}`,
      etag,
    };
    if (call.headers.get('if-none-match') === etag) return context.body(null, 304, headers);
    return context.body(body, 200, headers);
  });
  return door.app;
}
