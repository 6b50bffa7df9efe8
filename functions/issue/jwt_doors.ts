/** The door where agents get JWT-SVIDs for their workloads, and what other doors issue them with. */
import { type JwtSvidAnswer, type JwtSvidsAnswer, MAX_SVIDS_PER_REQUEST, PATHS } from '@postern/api';
import {
  type EntryStore,
  type JwtIssueReason,
  type JwtSvidIssuer,
  MAX_AUDIENCE_LENGTH,
  MAX_AUDIENCES,
  type RegistrationEntry,
} from '@postern/ca';
import { accept, type Result } from '@postern/result';
import { parseSpiffeId, type SpiffeId } from '@postern/spiffe';
import type { AuthenticateAgent, Door, RecordRefusal } from '../door/door.ts';
import { checkShape, listOf, objectOf, text } from '../door/shape.ts';

export interface JwtDoorPorts {
  readonly authenticate: AuthenticateAgent;
  readonly entries: EntryStore;
  readonly jwtSvids: JwtSvidIssuer;
  readonly recordRefusal: RecordRefusal;
}

/** Longer lists and texts are told apart by the issuer, with its own reasons; these only bound what is read. */
const MAX_AUDIENCE_TEXT = 2 * MAX_AUDIENCE_LENGTH;
const MAX_BATCH_BYTES = MAX_SVIDS_PER_REQUEST * MAX_AUDIENCES * (MAX_AUDIENCE_LENGTH + 16);

/** Any text, the empty one too: which rule it breaks is the issuer's to say. */
const audienceText = (value: unknown): value is string => value === '' || text(MAX_AUDIENCE_TEXT)(value);

export function mountJwtDoors(door: Pick<Door, 'agent'>, ports: JwtDoorPorts): void {
  door.agent(ports.authenticate, 'POST', PATHS.jwtSvids, MAX_BATCH_BYTES, async (context, agent, body) => {
    const item = objectOf({ entryId: text(64), audience: listOf(audienceText, 2 * MAX_AUDIENCES) });
    const request = checkShape(body, { requests: listOf(item, MAX_SVIDS_PER_REQUEST) });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    // One query answers for all of them; an entry of another agent is as unknown as one that never was.
    const entries = new Map((await ports.entries.listForParent(agent.spiffeId)).map((entry) => [entry.id, entry]));
    const svids: JwtSvidsAnswer['svids'][number][] = [];
    const refused: JwtSvidsAnswer['refused'][number][] = [];
    for (const { entryId, audience } of request.value.requests) {
      const issued = await issueNext(entries.get(entryId), audience);
      if (issued.ok) svids.push({ entryId, ...issued.value });
      else refused.push({ entryId, reason: issued.reason });
      if (!issued.ok) ports.recordRefusal({ door: 'issue jwt-svid', reason: issued.reason, caller: agent.spiffeId });
    }
    if (isAway(refused) && svids.length === 0) return { refused: 'unavailable', reason: 'authority-unavailable' };
    return context.json({ svids, refused } satisfies JwtSvidsAnswer, 200, { 'cache-control': 'no-store' });

    async function issueNext(entry: RegistrationEntry | undefined, audience: readonly string[]) {
      if (entry === undefined) return { ok: false, reason: 'entry-unknown' } as const;
      // A key that cannot be used now is not asked for fifty times, each with its retries.
      if (isAway(refused)) return { ok: false, reason: 'authority-unavailable' } as const;
      const spiffeId = ownId(entry.spiffeId);
      return issueJwtSvid(ports.jwtSvids, { entry, spiffeId, audience, requester: agent.spiffeId });
    }
  });
}

/**
 * A JWT-SVID for a workload that its caller has attested, by any proof. `entry`: matched; `spiffeId`: the entry's, its
 * template filled; `requester`: who or what proved it, for the record. Refusals and cost as of `JwtSvidIssuer`.
 */
export async function issueJwtSvid(
  issuer: JwtSvidIssuer,
  request: {
    readonly entry: RegistrationEntry;
    readonly spiffeId: SpiffeId;
    readonly audience: readonly string[];
    readonly requester: string;
  },
): Promise<Result<JwtSvidAnswer, JwtIssueReason>> {
  const { entry, spiffeId, audience, requester } = request;
  const issued = await issuer.issueJwtSvid({
    spiffeId,
    audience,
    ttlSeconds: entry.jwtTtlSeconds,
    notAfterMs: entry.expiresAtMs,
    requester,
    entryId: entry.id,
  });
  if (!issued.ok) return issued;
  const { token, issuedAtMs, expiresAtMs } = issued.value;
  return accept({ spiffeId: spiffeId.uri, audience, token, issuedAtMs, expiresAtMs });
}

const isAway = (refused: JwtSvidsAnswer['refused']): boolean =>
  refused.some(({ reason }) => reason === 'authority-unavailable');

/** From our own store, where it was checked before it was written. */
function ownId(uri: string): SpiffeId {
  const id = parseSpiffeId(uri);
  if (!id.ok) throw new Error(`a stored SPIFFE ID cannot be read: ${id.reason}`);
  return id.value;
}
