/**
 * The administrator's door: entries, join tokens, revocations, status. A change is recorded before it is made, so that
 * none takes effect unseen: a record may tell of a change that then failed, never the reverse.
 */
import { type ControlPlaneTrust, formatJoinToken, type JoinTokenAnswer, PATHS, type StatusAnswer } from '@postern/api';
import type { RecordBody } from '@postern/audit';
import {
  agentSpiffeId,
  checkEntryInput,
  type EntryInput,
  type EntryReason,
  type EntryStore,
  type JoinTokenStore,
} from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import type { Refusal } from '@postern/result';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { Hono } from 'hono';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import { createDoor, type DoorPorts, type DoorRefusal } from '../door/door.ts';
import { checkShape, integer, isCursor, listOf, optional, text } from '../door/shape.ts';

export interface AdminPorts extends DoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly trustDomain: TrustDomain;
  readonly entries: EntryStore;
  readonly joinTokens: JoinTokenStore;
  readonly feedLog: FeedLog;
  /** What agents pin; travels in join tokens. */
  readonly controlPlane: ControlPlaneTrust;
  readonly clock: Clock;
  /** Durable when it resolves. */
  readonly record: (body: RecordBody) => Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024;
const DEFAULT_JOIN_TOKEN_SECONDS = 600;
const MAX_JOIN_TOKEN_SECONDS = 7 * 24 * 60 * 60;
/** Longer than any credential of ours lives, so that a revocation outlives what it takes back. */
const REVOCATION_LIFE_MS = 30 * 24 * 60 * 60 * 1000;
const REVOCATION_SUBJECT = /^(?:svid|spiffe-id|issuer|user|session|device):[\x21-\x7e]+$/;

export function createAdminApp(ports: AdminPorts): Hono {
  const door = createDoor('admin', ports);
  const { verifyAdministrator, entries, feedLog, clock } = ports;
  const recordIntent = (action: string, subject: string, by: Administrator) =>
    ports.record({ kind: 'administrator-action', action, subject, by: by.name });

  door.administrator(
    verifyAdministrator,
    'entries:write',
    'POST',
    PATHS.admin.entries,
    MAX_BODY_BYTES,
    async (context, by, body) => {
      const request = checkShape(body, {
        spiffeId: text(2048),
        parentId: text(2048),
        selectors: listOf(text(512), 32),
        ttlSeconds: optional(integer(1, 86_400)),
        dnsNames: optional(listOf(text(253), 16)),
        hint: optional(text(1024)),
        expiresAtMs: optional(integer(1, Number.MAX_SAFE_INTEGER)),
      });
      if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
      const input = request.value as EntryInput;
      const checked = checkEntryInput(input, ports.trustDomain);
      if (!checked.ok) return refusedEntry(checked);
      await recordIntent('entry-create', input.spiffeId, by);
      const created = await entries.create(input);
      if (!created.ok) return refusedEntry(created);
      const { id: entryId, spiffeId, parentId, selectors } = created.value;
      await ports.record({ kind: 'entry-created', entryId, spiffeId, parentId, selectors, by: by.name });
      return context.json(created.value, 201);
    },
  );

  door.administrator(verifyAdministrator, 'entries:read', 'GET', PATHS.admin.entries, 0, async (context) => {
    const after = context.req.query('after');
    const limit = Number(context.req.query('limit') ?? 100);
    if (!(Number.isSafeInteger(limit) && limit >= 1 && limit <= 1000))
      return { refused: 'malformed-request', reason: 'limit' };
    if (!isCursor(after)) return { refused: 'malformed-request', reason: 'cursor' };
    return context.json(await entries.list({ after, limit }));
  });

  door.administrator(verifyAdministrator, 'entries:read', 'GET', PATHS.admin.entry(':id'), 0, async (context) => {
    const entry = await entries.get(context.req.param('id') ?? '');
    return entry === undefined ? { refused: 'not-found', reason: 'entry-unknown' } : context.json(entry);
  });

  door.administrator(
    verifyAdministrator,
    'entries:write',
    'DELETE',
    PATHS.admin.entry(':id'),
    0,
    async (context, by) => {
      const entry = await entries.get(context.req.param('id') ?? '');
      if (entry === undefined) return { refused: 'not-found', reason: 'entry-unknown' };
      await recordIntent('entry-delete', entry.spiffeId, by);
      const deleted = await entries.delete(entry.id);
      if (!deleted.ok) return { refused: 'not-found', reason: deleted.reason };
      const { id: entryId, spiffeId, parentId, selectors } = deleted.value;
      await ports.record({ kind: 'entry-deleted', entryId, spiffeId, parentId, selectors, by: by.name });
      return context.json(deleted.value);
    },
  );

  door.administrator(
    verifyAdministrator,
    'join-tokens:create',
    'POST',
    PATHS.admin.joinTokens,
    4096,
    async (context, by, body) => {
      const request = checkShape(body, {
        agentName: text(128),
        ttlSeconds: optional(integer(1, MAX_JOIN_TOKEN_SECONDS)),
      });
      if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
      const agentId = agentSpiffeId(ports.trustDomain, request.value.agentName);
      if (!agentId.ok)
        return { refused: 'malformed-request', reason: agentId.reason, detail: 'agentName is one path segment' };
      await recordIntent('join-token-create', agentId.value, by);
      const created = await ports.joinTokens.create(
        agentId.value,
        request.value.ttlSeconds ?? DEFAULT_JOIN_TOKEN_SECONDS,
      );
      const token = formatJoinToken({ ...ports.controlPlane, secret: created.secret });
      const answer: JoinTokenAnswer = { token, agentId: agentId.value, expiresAtMs: created.expiresAtMs };
      return context.json(answer, 201, { 'cache-control': 'no-store' });
    },
  );

  door.administrator(
    verifyAdministrator,
    'access:revoke',
    'POST',
    PATHS.admin.revocations,
    4096,
    async (context, by, body) => {
      const request = checkShape(body, {
        subject: text(2048),
        reason: text(256),
        expiresAtMs: optional(integer(1, Number.MAX_SAFE_INTEGER)),
      });
      if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
      const { subject, reason } = request.value;
      if (!REVOCATION_SUBJECT.test(subject))
        return { refused: 'malformed-request', reason: 'revocation-subject', detail: 'subject is KIND:NAME' };
      const nowMs = clock.nowMs();
      const expiresAtMs = request.value.expiresAtMs ?? nowMs + REVOCATION_LIFE_MS;
      // One that has ended before it begins would be answered as done, and nothing would be taken back.
      if (expiresAtMs <= nowMs)
        return { refused: 'malformed-request', reason: 'revocation-expired', detail: 'expiresAtMs is in the past' };
      await ports.record({ kind: 'revocation', subject, reason, by: by.name });
      const appended = await feedLog.append([
        { kind: 'revocation', subject, observedAtMs: nowMs, expiresAtMs, notBeforeMs: nowMs, reason },
      ]);
      if (!appended.ok) return { refused: 'unavailable', reason: appended.reason };
      return context.json({ subject, sequence: appended.value.sequence }, 201);
    },
  );

  door.administrator(verifyAdministrator, 'status:read', 'GET', PATHS.admin.status, 0, async (context) => {
    const head = await feedLog.head();
    const { trustDomain, rootDigest } = ports.controlPlane;
    const answer: StatusAnswer = {
      trustDomain,
      rootDigest,
      releaseNumber: head?.releaseNumber ?? 0,
      feedSequence: head?.sequence ?? 0,
      epoch: head?.epoch ?? '',
      controlPlane: ports.controlPlane,
    };
    return context.json(answer);
  });

  return door.app;
}

function refusedEntry({ reason, detail }: Refusal<EntryReason | 'entry-exists'>): DoorRefusal {
  const refused = reason === 'entry-exists' ? 'conflict' : 'malformed-request';
  return { refused, reason, detail: `${reason} ${detail ?? ''}`.trim() };
}
