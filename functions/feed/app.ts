/** The feed's door: pages for followers, and the releases that heads name. Agents only. */
import { PATHS } from '@postern/api';
import type { FeedPublisher } from '@postern/feed';
import type { Objects } from '@postern/store';
import type { Hono } from 'hono';
import { type AuthenticateAgent, createDoor, type DoorPorts } from '../door/door.ts';
import { releaseObject } from '../publish/releases.ts';

export interface FeedPorts extends DoorPorts {
  readonly authenticate: AuthenticateAgent;
  readonly publisher: FeedPublisher;
  readonly objects: Objects;
}

const MAX_EPOCH_LENGTH = 64;

/** Cost of a page: one read of the head and at most one query; no KMS call but one per hour and instance. */
export function createFeedApp(ports: FeedPorts): Hono {
  const door = createDoor('feed', ports);

  door.agent(ports.authenticate, 'GET', PATHS.feed, 0, async (context) => {
    const epoch = context.req.query('epoch') ?? '';
    const after = Number(context.req.query('after') ?? '0');
    if (epoch.length > MAX_EPOCH_LENGTH || !Number.isSafeInteger(after) || after < 0)
      return { refused: 'malformed-request', reason: 'feed-position-malformed' };
    const page = await ports.publisher.page({ epoch, after });
    if (page === undefined) return { refused: 'unavailable', reason: 'feed-not-open' };
    context.header('cache-control', 'no-store');
    return context.json(page);
  });

  door.agent(ports.authenticate, 'GET', PATHS.release(':number'), 0, async (context) => {
    const number = Number(context.req.param('number'));
    if (!Number.isSafeInteger(number) || number < 1)
      return { refused: 'not-found', reason: 'release-number-malformed' };
    const jws = await ports.objects.get(releaseObject(number));
    if (jws === undefined) return { refused: 'not-found', reason: 'release-unknown' };
    return context.body(Buffer.from(jws).toString('latin1'), 200, {
      'content-type': 'application/jose',
      'cache-control': 'private, max-age=31536000, immutable',
    });
  });

  return door.app;
}
