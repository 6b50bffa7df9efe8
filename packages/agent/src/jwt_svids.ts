/**
 * JWT-SVIDs of this node's workloads, asked for when one is wanted and handed out again until half of their life is over:
 * whoever gets one can use it for the other half. Kept in memory alone.
 */
import { type JwtSvidAnswer, MAX_SVIDS_PER_REQUEST } from '@postern/api';
import { accept, type Result, refuse } from '@postern/result';
import { type JwtAuthority, parseJwtSvid } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { ControlPlaneClient } from './control_plane/client.ts';
import type { WorkloadIdentity } from './identity_source.ts';
import { createJwtSvidCache, type HeldJwtSvid } from './jwt_svid_cache.ts';
import type { Log } from './log.ts';

/**
 * `entry-unknown`: taken back, and this node has not heard of it yet · `authority-unavailable`: nobody can sign now ·
 * `jwt-svid-refused`: not issued for another reason, which is in the log · `too-many-requests`: this identity has as many
 * under way as it may.
 */
export type JwtSvidsReason = 'entry-unknown' | 'authority-unavailable' | 'jwt-svid-refused' | 'too-many-requests';

type Outcome = Result<HeldJwtSvid, JwtSvidsReason>;

export interface JwtSvids {
  /**
   * One outcome for each identity, in order. `audience`: checked; its order does not matter. Cost: one call of the control
   * plane for all that are not at hand, and one signature there for each of them.
   */
  fetch(identities: readonly WorkloadIdentity[], audience: readonly string[]): Promise<readonly Outcome[]>;
}

/** Each is a use of the authority's key: a workload that makes up audiences in a loop is slowed down here. */
const MAX_PENDING_PER_IDENTITY = 16;

export function createJwtSvids(ports: {
  readonly client: Pick<ControlPlaneClient, 'jwtSvids'>;
  /** Of the own trust domain, as they are known now; with none, nobody can say that a key is gone. */
  readonly authorities: () => readonly JwtAuthority[];
  readonly clock: Clock;
  readonly log: Log;
}): JwtSvids {
  const { client, authorities, clock, log } = ports;
  const cache = createJwtSvidCache((keyId) => {
    const present = authorities();
    return present.length === 0 || present.some((authority) => authority.keyId === keyId);
  });
  /** By identity, then by audience: several who ask for the same at once are one request. */
  const pending = new Map<string, Map<string, Promise<Outcome>>>();

  async function ask(batch: readonly WorkloadIdentity[], audience: readonly string[]): Promise<Map<string, Outcome>> {
    const fromMs = clock.nowMs();
    const outcomes = new Map<string, Outcome>();
    try {
      const answer = await client.jwtSvids({ requests: batch.map(({ entryId }) => ({ entryId, audience })) });
      if (!answer.ok) {
        log('error', 'jwt-svids-refused', { reason: answer.reason });
        return outcomes;
      }
      for (const { entryId, reason } of answer.value.refused) {
        log('error', 'jwt-svid-refused', { entry: entryId, reason });
        outcomes.set(entryId, refuse(isOwnReason(reason) ? reason : 'jwt-svid-refused'));
      }
      for (const svid of answer.value.svids) {
        const identity = batch.find(({ entryId }) => entryId === svid.entryId);
        const held = identity && holdOf(svid, identity, audience, fromMs);
        if (held !== undefined) outcomes.set(svid.entryId, accept(held));
        else log('error', 'jwt-svid-not-asked-for', { entry: svid.entryId });
      }
    } catch (fault) {
      log('error', 'jwt-svids-failed', { error: (fault as Error).message });
      for (const { entryId } of batch) outcomes.set(entryId, refuse('authority-unavailable'));
    }
    return outcomes;
  }

  return {
    async fetch(identities, asked) {
      const audience = [...asked].sort();
      const audienceKey = JSON.stringify(audience);
      const nowMs = clock.nowMs();
      const found = new Map<string, Outcome | Promise<Outcome>>();
      const missing: WorkloadIdentity[] = [];
      for (const identity of identities) {
        const key = identityKey(identity);
        const own = pending.get(key);
        const held = cache.get(key, audienceKey, nowMs);
        const outcome = held === undefined ? own?.get(audienceKey) : accept(held);
        if (outcome !== undefined) found.set(key, outcome);
        else if ((own?.size ?? 0) >= MAX_PENDING_PER_IDENTITY) found.set(key, refuse('too-many-requests'));
        else missing.push(identity);
      }
      for (let from = 0; from < missing.length; from += MAX_SVIDS_PER_REQUEST) {
        const batch = missing.slice(from, from + MAX_SVIDS_PER_REQUEST);
        const asking = ask(batch, audience);
        for (const identity of batch) found.set(identityKey(identity), comingOf(identity, audienceKey, asking));
      }
      return Promise.all(
        identities.map(async (identity) => (await found.get(identityKey(identity))) ?? refuse('jwt-svid-refused')),
      );
    },
  };

  function comingOf(identity: WorkloadIdentity, audienceKey: string, asking: Promise<Map<string, Outcome>>) {
    const key = identityKey(identity);
    const own = pending.get(key) ?? new Map<string, Promise<Outcome>>();
    const coming = asking.then((outcomes): Outcome => {
      const outcome = outcomes.get(identity.entryId) ?? refuse('jwt-svid-refused');
      own.delete(audienceKey);
      if (own.size === 0) pending.delete(key);
      if (outcome.ok) cache.set(key, audienceKey, outcome.value);
      return outcome;
    });
    own.set(audienceKey, coming);
    pending.set(key, own);
    return coming;
  }
}

/** An entry that was changed to another name is another identity. */
const identityKey = ({ entryId, spiffeId }: WorkloadIdentity): string => `${entryId} ${spiffeId}`;

const isOwnReason = (reason: string): reason is 'entry-unknown' | 'authority-unavailable' =>
  reason === 'entry-unknown' || reason === 'authority-unavailable';

/** What came, when it is what was asked for: nobody is handed a token that names another, or is for somebody else. */
function holdOf(
  { token }: JwtSvidAnswer,
  identity: WorkloadIdentity,
  audience: readonly string[],
  fromMs: number,
): HeldJwtSvid | undefined {
  const svid = parseJwtSvid(token);
  if (!svid.ok || svid.value.spiffeId.uri !== identity.spiffeId) return undefined;
  const { keyId, expiresAtMs, issuedAtMs = expiresAtMs } = svid.value;
  if (JSON.stringify([...svid.value.audience].sort()) !== JSON.stringify(audience)) return undefined;
  // By how long it lives, not by when: the node's clock may differ from the authority's.
  const untilMs = fromMs + Math.max(0, expiresAtMs - issuedAtMs) / 2;
  return { spiffeId: identity.spiffeId, token, keyId, fromMs, untilMs };
}
