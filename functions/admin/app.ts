/**
 * The administrator's door: entries, join tokens, revocations, status. A change is recorded before it is made, so that
 * none takes effect unseen: a record may tell of a change that then failed, never the reverse.
 */
import type { AcmeKeyStore } from '@postern/acme';
import { type ControlPlaneTrust, PATHS, type StatusAnswer } from '@postern/api';
import type { RecordBody } from '@postern/audit';
import type { EntryStore, FederationStore, IssuedIndex, JoinTokenStore } from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import type { AttestorStore } from '@postern/identity';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { Hono } from 'hono';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import { createDoor, type DoorPorts } from '../door/door.ts';
import type { OperateAuthority } from '../rotate/authority_commands.ts';
import { mountAcmeKeyDoors } from './acme_key_doors.ts';
import { mountAttestorDoors } from './attestor_doors.ts';
import { mountAuthorityDoors } from './authority_doors.ts';
import { mountEntryDoors } from './entry_doors.ts';
import { mountFederationDoors } from './federation_doors.ts';
import { mountJoinTokenDoor } from './join_token_door.ts';
import { mountRevocationDoors } from './revocation_doors.ts';

export interface AdminPorts extends DoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly trustDomain: TrustDomain;
  readonly entries: EntryStore;
  readonly joinTokens: JoinTokenStore;
  readonly attestors: AttestorStore;
  readonly federations: FederationStore;
  readonly acmeKeys: AcmeKeyStore;
  readonly feedLog: FeedLog;
  /** What agents pin; travels in join tokens. */
  readonly controlPlane: () => Promise<ControlPlaneTrust>;
  /** Origin of the public doors. */
  readonly url: string;
  /** Origin that ACME clients are led to. */
  readonly acmeUrl: string;
  readonly operateAuthority: OperateAuthority;
  readonly issued: Pick<IssuedIndex, 'list'>;
  readonly applyRevocations: () => Promise<boolean>;
  readonly clock: Clock;
  /** Durable when it resolves. */
  readonly record: (body: RecordBody) => Promise<void>;
}

export function createAdminApp(ports: AdminPorts): Hono {
  const door = createDoor('admin', ports);
  const { verifyAdministrator, feedLog } = ports;
  const recordIntent = (action: string, subject: string, by: Administrator) =>
    ports.record({ kind: 'administrator-action', action, subject, by: by.name });

  mountEntryDoors(door, { ...ports, recordIntent });
  mountJoinTokenDoor(door, { ...ports, recordIntent });
  mountFederationDoors(door, { ...ports, recordIntent });
  mountAcmeKeyDoors(door, { ...ports, recordIntent });
  mountAttestorDoors(door, { ...ports, audience: ports.url, recordIntent });
  mountAuthorityDoors(door, { ...ports, recordIntent });

  mountRevocationDoors(door, ports);

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
