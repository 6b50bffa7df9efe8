import {
  type Authority,
  createAuthority,
  createEntryStore,
  createEphemeralIssuer,
  createJoinTokenStore,
  createLineageStore,
  type IssuanceAudit,
} from '@postern/ca';
import { createFeedLog } from '@postern/feed';
import { authenticateAgents } from '../agents.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder, type Recorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { loadTrustAnchors } from '../trust_anchors.ts';
import { createIssueApp } from './app.ts';

export interface OpenIssue extends OpenApp {
  readonly authority: Authority;
}

/** The authority on an ephemeral issuer of this instance. `url`: origin of the public doors. */
export async function openIssue(ports: FunctionPorts & { readonly url: string }): Promise<OpenIssue> {
  const { table, keys, certifier, clock, trustDomain, log } = ports;
  const recorder = createRecorder('issue', ports);
  const [{ bundle }, factsMac, mac] = await Promise.all([
    loadTrustAnchors(ports),
    keys.mac('facts'),
    keys.mac('entries'),
  ]);
  const issuer = createEphemeralIssuer({ certify: certifier.certifyIssuer, clock });
  const authority = createAuthority({ issuer, audit: auditOf(recorder), clock });

  /** An outage that is there already costs nobody a token: what issuing needs is fetched, and a record goes ahead. */
  async function prepareJoin(agentId: string): Promise<void> {
    await issuer();
    const intent = { action: 'agent-join', subject: agentId, by: 'issue' };
    await recorder.record({ kind: 'administrator-action', ...intent });
  }

  const app = createIssueApp({
    ...recorder.doorPorts,
    authenticate: authenticateAgents({ ...ports, bundle, feedLog: createFeedLog({ table, mac: factsMac }) }),
    authority,
    entries: createEntryStore({
      table,
      mac,
      clock,
      trustDomain,
      createId: recorder.createId,
      onForged: (key) => log('error', 'entry-forged', key),
    }),
    joinTokens: createJoinTokenStore({ table, mac, clock }),
    lineages: createLineageStore({ table }),
    bundle: async () => bundle,
    prepareJoin,
    recordJoin: (join) => recorder.record({ kind: 'join', ...join }),
    recordLock: (agentId, serial) =>
      recorder.record({
        kind: 'administrator-action',
        action: 'lineage-locked',
        subject: `${agentId} ${serial}`,
        by: 'issue',
      }),
  });
  return { app, authority, ...recorder.lifecycle };
}

function auditOf({ record }: Recorder): IssuanceAudit {
  return {
    begin: (issuance) => record({ kind: 'issuance-begin', ...issuance }),
    complete: (issuance) => record({ kind: 'issuance-complete', ...issuance }),
    failed: (issuance, reason) => record({ kind: 'issuance-failed', ...issuance, reason }),
  };
}
