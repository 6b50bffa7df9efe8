/**
 * The administrator's door: entries, join tokens, revocations, status. A change is recorded before it is made, so that
 * none takes effect unseen: a record may tell of a change that then failed, never the reverse.
 */
import { type ControlPlaneTrust, PATHS, type StatusAnswer } from '@postern/api';
import type { RecordBody } from '@postern/audit';
import type { EntryStore, FederationStore, JoinTokenStore } from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import type { AttestorStore } from '@postern/identity';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { Hono } from 'hono';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import { createDoor, type DoorPorts } from '../door/door.ts';
import { checkShape, integer, optional, text } from '../door/shape.ts';
import type { OperateAuthority } from '../rotate/authority_commands.ts';
import { mountAttestorDoors } from './attestor_doors.ts';
import { mountAuthorityDoors } from './authority_doors.ts';
import { mountEntryDoors } from './entry_doors.ts';
import { mountFederationDoors } from './federation_doors.ts';
import { mountJoinTokenDoor } from './join_token_door.ts';

export interface AdminPorts extends DoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly trustDomain: TrustDomain;
  readonly entries: EntryStore;
  readonly joinTokens: JoinTokenStore;
  readonly attestors: AttestorStore;
  readonly federations: FederationStore;
  readonly feedLog: FeedLog;
  /** What agents pin; travels in join tokens. */
  readonly controlPlane: () => Promise<ControlPlaneTrust>;
  /** Origin of the public doors. */
  readonly url: string;
  readonly operateAuthority: OperateAuthority;
  readonly clock: Clock;
  /** Durable when it resolves. */
  readonly record: (body: RecordBody) => Promise<void>;
}

/** Longer than any credential of ours lives, so that a revocation outlives what it takes back. */
const REVOCATION_LIFE_MS = 30 * 24 * 60 * 60 * 1000;
const REVOCATION_SUBJECT = /^(?:svid|spiffe-id|issuer|user|session|device):[\x21-\x7e]+$/;

export function createAdminApp(ports: AdminPorts): Hono {
  const door = createDoor('admin', ports);
  const { verifyAdministrator, feedLog, clock } = ports;
  const recordIntent = (action: string, subject: string, by: Administrator) =>
    ports.record({ kind: 'administrator-action', action, subject, by: by.name });

  mountEntryDoors(door, { ...ports, recordIntent });
  mountJoinTokenDoor(door, { ...ports, recordIntent });
  mountFederationDoors(door, { ...ports, recordIntent });
  mountAttestorDoors(door, { ...ports, audience: ports.url, recordIntent });
  mountAuthorityDoors(door, { ...ports, recordIntent });

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
    const controlPlane = await ports.controlPlane();
    const { trustDomain, rootDigest } = controlPlane;
    const answer: StatusAnswer = {
      trustDomain,
      rootDigest,
      releaseNumber: head?.releaseNumber ?? 0,
      feedSequence: head?.sequence ?? 0,
      epoch: head?.epoch ?? '',
      controlPlane,
    };
    return context.json(answer);
  });

  return door.app;
}
