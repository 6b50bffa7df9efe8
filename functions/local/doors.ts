/** Every door of the public listener, with what is behind it. */
import type { ControlPlaneTrust } from '@postern/api';
import type { Trail } from '@postern/audit';
import type { FeedLog, FeedPublisher } from '@postern/feed';
import { createReplayGuard } from '@postern/identity';
import type { Clock } from '@postern/store';
import type { Hono } from 'hono';
import { createAdminApp } from '../admin/app.ts';
import { createAuditApp } from '../audit/app.ts';
import type { VerifyAdministrator } from '../door/administrator.ts';
import { createAgentAuthentication } from '../door/agent_proof.ts';
import { createAuthorityView } from '../door/authority_view.ts';
import type { DoorPorts } from '../door/door.ts';
import { createFeedApp } from '../feed/app.ts';
import { createIngestApp } from '../ingest/app.ts';
import { createIssueApp } from '../issue/app.ts';
import { createPublishApp } from '../publish/app.ts';
import { createSignalsApp, type PostureSource } from '../signals/app.ts';
import { createTrustApp } from '../trust/app.ts';
import type { Adapters } from './adapters.ts';
import type { Issuing } from './issuing.ts';
import type { RecordBy } from './producers.ts';
import type { Publishing } from './publishing.ts';
import type { LocalTrustDomain } from './trust_domain.ts';

export interface DoorsPorts {
  readonly doorPorts: DoorPorts;
  readonly adapters: Adapters;
  readonly clock: Clock;
  readonly domain: LocalTrustDomain;
  readonly trust: ControlPlaneTrust;
  readonly feedLog: FeedLog;
  readonly feedPublisher: FeedPublisher;
  readonly trail: Trail;
  readonly recordBy: RecordBy;
  readonly issuing: Issuing;
  readonly publishing: Publishing;
  readonly postureSource: PostureSource;
  readonly verifyAdministrator: VerifyAdministrator;
  /** The scheduled work that a publication brings forward; does not reject. */
  readonly afterPublication: () => Promise<void>;
}

export function createDoors(ports: DoorsPorts): readonly Hono[] {
  const { doorPorts, adapters, clock, domain, trust, feedLog, trail, recordBy, verifyAdministrator, publishing } =
    ports;
  const { table, objects } = adapters;
  const { trustDomain, bundle, signers } = domain;
  const view = createAuthorityView({ bundle, feedLog, clock });
  const authenticate = createAgentAuthentication({
    audience: trust.url,
    trustDomain,
    authority: async () => view,
    replayGuard: createReplayGuard(table, clock),
    clock,
  });
  const [recordIssue, recordPublish, recordSignals] = [recordBy('issue'), recordBy('publish'), recordBy('signals')];
  return [
    createTrustApp({ ...doorPorts, bundle: async () => bundle }),
    createFeedApp({ ...doorPorts, authenticate, publisher: ports.feedPublisher, objects }),
    createIssueApp({
      ...doorPorts,
      ...ports.issuing,
      authenticate,
      bundle: async () => bundle,
      recordJoin: (join) => recordIssue({ kind: 'join', ...join }),
      recordLock: (agentId, serial) =>
        recordIssue({
          kind: 'administrator-action',
          action: 'lineage-locked',
          subject: `${agentId} ${serial}`,
          by: 'issue',
        }),
    }),
    createIngestApp({ ...doorPorts, authenticate, trail, assertionSigner: async () => signers.assertion, clock }),
    createSignalsApp({
      ...doorPorts,
      source: (name) => (name === ports.postureSource.name ? ports.postureSource : undefined),
      feedLog,
      clock,
      recordSignal: (signal) => recordSignals({ kind: 'signal-received', ...signal }),
    }),
    createAdminApp({
      ...doorPorts,
      ...ports.issuing,
      verifyAdministrator,
      trustDomain,
      feedLog,
      controlPlane: trust,
      clock,
      record: recordBy('admin'),
    }),
    createPublishApp({
      ...doorPorts,
      verifyAdministrator,
      publisher: publishing.publisher,
      releases: publishing.releases,
      feedLog,
      recordIntent: (subject, by) =>
        recordPublish({ kind: 'administrator-action', action: 'release-publish', subject, by: by.name }),
      recordPublication: ({ release, digest }, by) => {
        const { number: releaseNumber, contentDigest } = release;
        return recordPublish({ kind: 'release-published', releaseNumber, digest, contentDigest, by: by.name });
      },
      afterPublication: ports.afterPublication,
    }),
    createAuditApp({ ...doorPorts, verifyAdministrator, trail, table, clock }),
  ];
}
