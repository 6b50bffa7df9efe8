/** The issuing doors: agents join, renew, learn their entries and get their workloads' SVIDs. */
import { createHash } from 'node:crypto';
import { type AgentEntry, type AgentIdentity, type IssuedSvid, MAX_SVIDS_PER_REQUEST, PATHS } from '@postern/api';
import {
  AGENT_PROFILE,
  type Authority,
  clampTtl,
  type EntryStore,
  type IssuedCertificate,
  type IssueReason,
  type JoinTokenStore,
  type LineageStore,
  parseCsr,
  type RegistrationEntry,
  WORKLOAD_PROFILE,
} from '@postern/ca';
import { formatTrustBundle, parseSpiffeId, type SpiffeId, type TrustBundle } from '@postern/spiffe';
import type { Hono } from 'hono';
import { parseJsonObject } from '../door/body.ts';
import { type AuthenticateAgent, createDoor, type DoorPorts, type DoorRefusal } from '../door/door.ts';
import { checkShape, listOf, objectOf, text } from '../door/shape.ts';

export interface IssuePorts extends DoorPorts {
  readonly authenticate: AuthenticateAgent;
  readonly authority: Authority;
  readonly entries: EntryStore;
  readonly joinTokens: JoinTokenStore;
  readonly lineages: LineageStore;
  readonly bundle: () => Promise<TrustBundle>;
  /** Whether an issuer is at hand and records are taken, before a join token is spent on it; rejects when not. */
  readonly prepareJoin: (agentId: string) => Promise<void>;
  /** Durable when it resolves. */
  readonly recordJoin: (join: { readonly agentId: string; readonly serial: string }) => Promise<void>;
  readonly recordLock: (agentId: string, serial: string) => Promise<void>;
}

/** Base64 of the largest request, and a token. */
const MAX_CSR_TEXT = 12 * 1024;
const MAX_BODY_BYTES = 16 * 1024;
const MAX_BATCH_BYTES = MAX_SVIDS_PER_REQUEST * MAX_CSR_TEXT;

export function createIssueApp(ports: IssuePorts): Hono {
  const door = createDoor('issue', ports);

  door.open('POST', PATHS.agentJoin, MAX_BODY_BYTES, async (context, call) => {
    const body = parseJsonObject(call.body);
    const request = body.ok ? checkShape(body.value, { token: text(128), csr: text(MAX_CSR_TEXT) }) : body;
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    // Before the token is spent: a node that sends a request of the wrong kind may correct it.
    const csr = parseCsr(Buffer.from(request.value.csr, 'base64'));
    if (!csr.ok) return { refused: 'malformed-request', reason: csr.reason };
    const joined = await ports.joinTokens.consume(request.value.token, ports.prepareJoin);
    if (!joined.ok) return { refused: 'not-authenticated', reason: joined.reason };
    const issued = await issueAgent(ownId(joined.value.agentId), request.value.csr, joined.value.agentId);
    if ('refused' in issued) return issued;
    await ports.lineages.start(issued.spiffeId, issued.serial);
    await ports.recordJoin({ agentId: issued.spiffeId, serial: issued.serial });
    return context.json(await identityOf(issued), 201);
  });

  door.agent(ports.authenticate, 'POST', PATHS.agentRenew, MAX_BODY_BYTES, async (context, agent, body) => {
    const request = checkShape(body, { csr: text(MAX_CSR_TEXT) });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    const mayRenew = await ports.lineages.check(agent.spiffeId, agent.serial);
    if (!mayRenew.ok) {
      if (mayRenew.reason === 'serial-superseded') await ports.recordLock(agent.spiffeId, agent.serial);
      return { refused: 'not-permitted', reason: mayRenew.reason };
    }
    const issued = await issueAgent(ownId(agent.spiffeId), request.value.csr, agent.spiffeId);
    if ('refused' in issued) return issued;
    const advanced = await ports.lineages.advance(agent.spiffeId, agent.serial, issued.serial);
    if (!advanced.ok) return { refused: 'conflict', reason: advanced.reason };
    return context.json(await identityOf(issued), 201);
  });

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
    const svids: (IssuedSvid & { entryId: string })[] = [];
    const refused: { entryId: string; reason: string }[] = [];
    for (const { entryId, csr } of request.value.requests) {
      const entry = entries.get(entryId);
      const issued = entry
        ? await issueForEntry(entry, csr, agent.spiffeId)
        : ({ ok: false, reason: 'entry-unknown' } as const);
      if (issued.ok) svids.push({ entryId, ...svidOf(issued.value) });
      else refused.push({ entryId, reason: issued.reason });
      if (!issued.ok) ports.recordRefusal({ door: 'issue svid', reason: issued.reason, caller: agent.spiffeId });
    }
    const isAway = refused.some(({ reason }) => reason === 'authority-unavailable');
    if (isAway && svids.length === 0) return { refused: 'unavailable', reason: 'authority-unavailable' };
    return context.json({ svids, refused });
  });

  async function issueAgent(
    spiffeId: SpiffeId,
    csr: string,
    requester: string,
  ): Promise<IssuedCertificate | DoorRefusal> {
    const issued = await ports.authority.issueX509Svid({
      spiffeId,
      dnsNames: [],
      profile: AGENT_PROFILE,
      csr: Buffer.from(csr, 'base64'),
      requester,
    });
    return issued.ok ? issued.value : { refused: CODES[issued.reason] ?? 'malformed-request', reason: issued.reason };
  }

  function issueForEntry(entry: RegistrationEntry, csr: string, requester: string) {
    return ports.authority.issueX509Svid({
      spiffeId: ownId(entry.spiffeId),
      dnsNames: entry.dnsNames,
      ttlSeconds: entry.ttlSeconds,
      profile: WORKLOAD_PROFILE,
      csr: Buffer.from(csr, 'base64'),
      requester,
      entryId: entry.id,
    });
  }

  async function identityOf(issued: IssuedCertificate): Promise<AgentIdentity> {
    return { ...svidOf(issued), trustBundle: formatTrustBundle(await ports.bundle()) };
  }

  return door.app;
}

/** What is not here is the caller's own mistake. */
const CODES: { readonly [R in IssueReason]?: DoorRefusal['refused'] } = {
  'authority-unavailable': 'unavailable',
  'issuer-life-too-short': 'unavailable',
  'lint-failed': 'internal',
  'lint-unreadable': 'internal',
};

/** From our own store, where it was checked before it was written. */
function ownId(uri: string): SpiffeId {
  const id = parseSpiffeId(uri);
  if (!id.ok) throw new Error(`a stored SPIFFE ID cannot be read: ${id.reason}`);
  return id.value;
}

function svidOf(issued: IssuedCertificate): IssuedSvid {
  const { spiffeId, serial, notBeforeMs, notAfterMs } = issued;
  return {
    spiffeId,
    serial,
    notBeforeMs,
    notAfterMs,
    chain: issued.chain.map((der) => Buffer.from(der).toString('base64')),
  };
}

function agentEntryOf(entry: RegistrationEntry): AgentEntry {
  const { id, revision, spiffeId, selectors, hint, dnsNames } = entry;
  return {
    id,
    revision,
    spiffeId,
    selectors,
    hint,
    dnsNames,
    ttlSeconds: clampTtl(WORKLOAD_PROFILE, entry.ttlSeconds),
  };
}
