/** Federation relationships: whose bundles are fetched. Recorded before they take effect, like every change. */
import { type FederationsAnswer, PATHS } from '@postern/api';
import { checkFederationInput, type FederationInput, type FederationStore } from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import { parseTrustDomain, type TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import type { Door } from '../door/door.ts';
import { checkShape, optional, text } from '../door/shape.ts';
import { NO_KEYS, withdrawBundle } from '../publish/federation/follow_bundles.ts';

export interface FederationDoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly trustDomain: TrustDomain;
  readonly federations: FederationStore;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
  readonly recordIntent: (action: string, subject: string, by: Administrator) => Promise<void>;
}

const MAX_BUNDLE_CHARS = 96 * 1024;
const MAX_BODY_BYTES = 128 * 1024;
const MAX_RELATIONSHIPS = 200;

const SHAPE = {
  trustDomain: text(255),
  url: text(2048),
  profile: text(16),
  endpointSpiffeId: optional(text(2048)),
  bootstrapBundle: optional(text(MAX_BUNDLE_CHARS)),
};

export function mountFederationDoors(door: Pick<Door, 'administrator'>, ports: FederationDoorPorts): void {
  const { verifyAdministrator: verify, federations, feedLog, clock, recordIntent } = ports;

  door.administrator(
    verify,
    'federations:write',
    'POST',
    PATHS.admin.federations,
    MAX_BODY_BYTES,
    async (context, by, body) => {
      const request = checkShape(body, SHAPE);
      if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
      const checked = checkFederationInput(request.value as FederationInput, ports.trustDomain);
      if (!checked.ok) {
        const { reason, detail } = checked;
        return { refused: 'malformed-request', reason, detail: `${reason} ${detail ?? ''}`.trim() };
      }
      if ((await federations.list()).length >= MAX_RELATIONSHIPS)
        return { refused: 'conflict', reason: 'federations-too-many' };
      await recordIntent('federation-create', `${checked.value.trustDomain} ${checked.value.url}`, by);
      const created = await federations.create(checked.value);
      if (created.ok) return context.json(created.value, 201);
      return { refused: 'conflict', reason: created.reason, detail: `${created.reason}: delete it first to change it` };
    },
  );

  /** In force: not expired, and not withdrawn. */
  async function latestBundle(trustDomain: string) {
    const fact = parseTrustDomain(trustDomain).ok ? await feedLog.latest('trust-bundle', trustDomain) : undefined;
    const isInForce = fact?.kind === 'trust-bundle' && fact.expiresAtMs > clock.nowMs() && fact.bundle !== NO_KEYS;
    return isInForce ? fact : undefined;
  }

  door.administrator(verify, 'federations:read', 'GET', PATHS.admin.federations, 0, async (context) => {
    const answer: FederationsAnswer = {
      federations: await Promise.all(
        (await federations.list()).map(async ({ trustDomain, url, profile, endpointSpiffeId, createdAtMs }) => {
          const fact = await latestBundle(trustDomain);
          return {
            trustDomain,
            url,
            profile,
            ...(endpointSpiffeId !== undefined && { endpointSpiffeId }),
            createdAtMs,
            ...(fact !== undefined && { bundleObservedAtMs: fact.observedAtMs, bundleExpiresAtMs: fact.expiresAtMs }),
          };
        }),
      ),
    };
    return context.json(answer);
  });

  door.administrator(
    verify,
    'federations:write',
    'DELETE',
    PATHS.admin.federation(':trustDomain'),
    0,
    async (context, by) => {
      const trustDomain = context.req.param('trustDomain') ?? '';
      const relationship = await federations.get(trustDomain);
      // One that was deleted before may have left its bundle, when the feed was away.
      const hasBundle = trustDomain !== ports.trustDomain && (await latestBundle(trustDomain)) !== undefined;
      if (relationship === undefined && !hasBundle) return { refused: 'not-found', reason: 'federation-unknown' };
      await recordIntent('federation-delete', trustDomain, by);
      await federations.delete(trustDomain);
      const withdrawn = await withdrawBundle({ feedLog, clock }, trustDomain);
      if (!withdrawn.ok) return { refused: 'unavailable', reason: withdrawn.reason };
      return context.json({ trustDomain });
    },
  );
}
