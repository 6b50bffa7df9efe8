/** The publish door: the one function that signs releases. */
import { PATHS, type PublishAnswer } from '@postern/api';
import type { FeedLog } from '@postern/feed';
import type { Hono } from 'hono';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import { createDoor, type DoorPorts, type DoorRefusal } from '../door/door.ts';
import { checkShape, flag, integer, mapOf, optional, text } from '../door/shape.ts';
import type { Publication, Publisher, PublishReason, PublishRefusal, RecordIntent } from './publish.ts';
import { loadStoredRelease, type ReleaseStore } from './releases.ts';

export interface PublishPorts extends DoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly publisher: Publisher;
  readonly feedLog: FeedLog;
  readonly releases: ReleaseStore;
  /** Both are durable when they resolve. The first comes before anything is signed, the second after it is in force. */
  readonly recordIntent: (subject: string, by: Administrator) => Promise<void>;
  readonly recordPublication: (publication: Publication, by: Administrator) => Promise<void>;
  /** Called after a publication, so that keys of newly named token issuers are fetched at once. Does not reject. */
  readonly afterPublication: () => Promise<void>;
}

const MAX_REPOSITORY_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 10_000;
const MAX_FILE_LENGTH = 1024 * 1024;
const MAX_LISTED = 50;

const CODES: { readonly [R in PublishReason]: DoorRefusal['refused'] } = {
  'policy-invalid': 'policy-invalid',
  'release-number-taken': 'conflict',
  'release-unknown': 'not-found',
  'feed-busy': 'conflict',
  'feed-empty': 'unavailable',
};

export function createPublishApp(ports: PublishPorts): Hono {
  const door = createDoor('publish', ports);

  const intentOf =
    (by: Administrator): RecordIntent =>
    ({ number, contentDigest }) =>
      ports.recordIntent(`release ${number} of content ${contentDigest}`, by);

  async function answer(
    outcome: Awaited<ReturnType<Publisher['publish']>>,
    by: Administrator,
  ): Promise<PublishAnswer | DoorRefusal> {
    if (!outcome.ok) {
      const { reason, problems } = outcome as PublishRefusal;
      return { refused: CODES[reason], reason, members: problems && { problems } };
    }
    const { published, unchanged, release, digest, warnings } = outcome.value;
    if (published) {
      await ports.recordPublication(outcome.value, by);
      await ports.afterPublication();
    }
    return {
      published,
      unchanged,
      number: release.number,
      digest,
      policies: release.policies.length,
      services: release.services.length,
      warnings,
    };
  }

  door.administrator(
    ports.verifyAdministrator,
    'releases:publish',
    'POST',
    PATHS.admin.releases,
    MAX_REPOSITORY_BYTES,
    async (context, by, body) => {
      const request = checkShape(body, {
        files: mapOf(text(MAX_FILE_LENGTH), MAX_FILES),
        dryRun: optional(flag),
        force: optional(flag),
      });
      if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
      const { files, dryRun, force } = request.value;
      const draft = { files: new Map(Object.entries(files)), force: force === true };
      const { publisher } = ports;
      const outcome = dryRun === true ? publisher.tryOut(draft) : publisher.publish(draft, intentOf(by));
      const answered = await answer(await outcome, by);
      return 'refused' in answered ? answered : context.json(answered, answered.published ? 201 : 200);
    },
  );

  door.administrator(
    ports.verifyAdministrator,
    'releases:publish',
    'POST',
    PATHS.admin.rollback,
    1024,
    async (context, by, body) => {
      const request = checkShape(body, { to: integer(1, Number.MAX_SAFE_INTEGER) });
      if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
      const answered = await answer(await ports.publisher.rollBack(request.value.to, intentOf(by)), by);
      return 'refused' in answered ? answered : context.json(answered, 201);
    },
  );

  door.administrator(ports.verifyAdministrator, 'releases:read', 'GET', PATHS.admin.releases, 0, async (context) => {
    const head = await ports.feedLog.head();
    const current = head?.releaseNumber ?? 0;
    const releases = [];
    for (let number = current; number > Math.max(0, current - MAX_LISTED); number--) {
      const release = await loadStoredRelease(ports.releases, number);
      if (release === undefined) continue; // a number that no head ever named
      const { madeAtMs, contentDigest, policies, services } = release;
      releases.push({
        number,
        madeAtMs,
        contentDigest,
        policies: policies.length,
        services: services.map((s) => s.name),
      });
    }
    return context.json({ current, releases });
  });

  return door.app;
}
