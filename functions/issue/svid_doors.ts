/** Where agents learn which workloads are theirs, and get SVIDs for them: of their own node and of no other. */
import { createHash } from 'node:crypto';
import { type AgentEntry, type IssuedSvid, MAX_SVIDS_PER_REQUEST, PATHS } from '@postern/api';
import {
  type Authority,
  clampTtl,
  type EntryStore,
  findEntryProfile,
  type RegistrationEntry,
  WORKLOAD_PROFILE,
} from '@postern/ca';
import type { AuthenticateAgent, Door, RecordRefusal } from '../door/door.ts';
import { checkShape, listOf, objectOf, text } from '../door/shape.ts';
import { issueForEntry, MAX_CSR_TEXT, ownId, svidOf } from './issued.ts';
import { inLanes } from './lanes.ts';

export interface SvidDoorPorts {
  readonly authenticate: AuthenticateAgent;
  readonly authority: Authority;
  readonly entries: EntryStore;
  readonly recordRefusal: RecordRefusal;
}

const UNKNOWN = { ok: false, reason: 'entry-unknown' } as const;
const AWAY = { ok: false, reason: 'authority-unavailable' } as const;
/** Of one call under way at a time. */
const LANES = 16;
const MAX_BATCH_BYTES = MAX_SVIDS_PER_REQUEST * MAX_CSR_TEXT;

export function mountSvidDoors(door: Pick<Door, 'agent'>, ports: SvidDoorPorts): void {
  door.agent(ports.authenticate, 'GET', PATHS.agentEntries, 0, async (context, agent) => {
    const entries = (await ports.entries.listForParent(agent.spiffeId)).map(agentEntryOf);
    const body = JSON.stringify({ entries });
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', etag };
    if (context.req.header('if-none-match') === etag) return context.body(null, 304, headers);
    return context.body(body, 200, headers);
  });

  door.agent(ports.authenticate, 'POST', PATHS.svids, MAX_BATCH_BYTES, async (context, agent, body) => {
    const item = objectOf({ entryId: text(64), csr: text(MAX_CSR_TEXT) });
    const request = checkShape(body, { requests: listOf(item, MAX_SVIDS_PER_REQUEST) });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    // One query answers for all of them; an entry of another agent is as unknown as one that never was.
    const entries = new Map((await ports.entries.listForParent(agent.spiffeId)).map((entry) => [entry.id, entry]));
    let isAuthorityAway = false;
    // Many at once: their records share segments, and those share commits.
    const outcomes = await inLanes(request.value.requests, LANES, async ({ entryId, csr }) => {
      const entry = entries.get(entryId);
      if (entry === undefined) return { entryId, issued: UNKNOWN };
      // A key that is away for one is away for all: nobody waits for it fifty times.
      if (isAuthorityAway) return { entryId, issued: AWAY };
      const grant = { entry, spiffeId: ownId(entry.spiffeId), csr, requester: agent.spiffeId };
      const issued = await issueForEntry(ports.authority, grant);
      if (!issued.ok && issued.reason === AWAY.reason) isAuthorityAway = true;
      return { entryId, issued };
    });
    const svids: (IssuedSvid & { entryId: string })[] = [];
    const refused: { entryId: string; reason: string }[] = [];
    for (const { entryId, issued } of outcomes) {
      if (issued.ok) svids.push({ entryId, ...svidOf(issued.value) });
      else refused.push({ entryId, reason: issued.reason });
      if (!issued.ok) ports.recordRefusal({ door: 'issue svid', reason: issued.reason, caller: agent.spiffeId });
    }
    if (isAuthorityAway && svids.length === 0) return { refused: 'unavailable', reason: 'authority-unavailable' };
    return context.json({ svids, refused });
  });
}

function agentEntryOf(entry: RegistrationEntry): AgentEntry {
  const { id, revision, spiffeId, selectors, hint, dnsNames, federatesWith } = entry;
  return {
    id,
    revision,
    spiffeId,
    selectors,
    hint,
    dnsNames,
    federatesWith,
    ttlSeconds: clampTtl(findEntryProfile(entry.profile) ?? WORKLOAD_PROFILE, entry.ttlSeconds),
  };
}
