import { type AcmeAuthority, createAcmeCertificateStore, createAcmeKeyStore, createAcmeUrls } from '@postern/acme';
import { PATHS } from '@postern/api';
import {
  type Authority,
  createAuthority,
  createEntryStore,
  createEphemeralIssuer,
  createIssuedIndex,
  createJoinTokenStore,
  createJwtSvidIssuer,
  createKmsIssuer,
  createLineageStore,
  createListSlots,
  type IssuanceAudit,
  type JwtIssuanceAudit,
  type JwtSvidIssuer,
} from '@postern/ca';
import { createFeedLog, type FeedLog } from '@postern/feed';
import { createAttestorStore, createRenewalStore } from '@postern/identity';
import type { Clock, Key } from '@postern/store';
import { authenticateAgents } from '../agents.ts';
import { createAttestedNotes, noteAgent } from '../consumers.ts';
import type { IdentifyFunction } from '../door/door.ts';
import { storedIssuers } from '../issuer_certificates.ts';
import type { OutboundPlaces } from '../outbound.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder, type Recorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { loadJwtKeys, openTrustAnchors } from '../trust_anchors.ts';
import { createAcmeAuthority } from './acme_authority.ts';
import { createIssueApp } from './app.ts';
import { createProve } from './attestation.ts';
import { type AttestorSecret, createAttesting } from './attesting.ts';
import { createIssuerAnchors } from './issuer_anchors.ts';

export interface OpenIssue extends OpenApp {
  readonly authority: Authority;
  readonly jwtSvids: JwtSvidIssuer;
  readonly acmeAuthority: AcmeAuthority;
}

export interface IssueFunctionPorts extends FunctionPorts {
  /** Origin of the public doors. */
  readonly url: string;
  /** Plain http to this machine, for a development provider. */
  readonly allowLoopbackIssuers: boolean;
  /** Private networks where attestors' issuers may be. */
  readonly outboundRanges?: OutboundPlaces['outboundRanges'];
  readonly attestorSecret: AttestorSecret;
  /** Origin that ACME clients are led to; that of the public doors when absent. */
  readonly acmeUrl?: string;
  /** Which function calls: `acme`, where it is apart. */
  readonly identify: IdentifyFunction;
}

/** The authority on an ephemeral issuer of this instance, and on the one of the key store for profiles that say so. */
export async function openIssue(ports: IssueFunctionPorts): Promise<OpenIssue> {
  const { table, objects, keys, certifier, clock, trustDomain, log } = ports;
  const recorder = createRecorder('issue', ports);
  const [anchors, factsMac, mac] = await Promise.all([openTrustAnchors(ports), keys.mac('facts'), keys.mac('entries')]);
  const { bundle } = anchors;
  const { isCurrent, above, roots } = createIssuerAnchors(anchors);
  const feedLog = createFeedLog({ table, mac: factsMac });
  const isDistrusted = async (keyId: string) => (await feedLog.latest('revocation', `issuer:${keyId}`)) !== undefined;
  const issuer = createEphemeralIssuer({
    certify: certifier.certifyIssuer,
    above,
    isCurrent,
    isDistrusted,
    clock,
  });
  const kms = createKmsIssuer({
    trustDomain,
    stored: () => storedIssuers(objects),
    signer: (generation) => keys.signer('issuer', generation),
    roots,
    above,
    isCurrent,
    isDistrusted,
    clock,
  });
  const onForged = (key: Key) => log('error', 'entry-forged', { ...key });
  const issued = createIssuedIndex({ table, mac: factsMac, onForged });
  const slots = createListSlots({
    table,
    mac: factsMac,
    clock,
    onForged,
    distributionPoint: ({ issuerKeyId, number }) => ports.url + PATHS.revocationList(issuerKeyId, number),
    open: certifier.openRevocationList,
  });
  const mayIssue = createIssueRights(feedLog, clock);
  const authority = createAuthority({
    issuers: { ephemeral: issuer, kms },
    audit: auditOf(recorder),
    assignList: async (issuerKeyId, certificate) =>
      (await mayIssue(certificate)) ? slots.assign(issuerKeyId, certificate) : undefined,
    // Noted first: a revocation that is not seen here finds it there.
    admit: async (issuance) => {
      await issued.note({ ...issuance, requester: holderOf(issuance) });
      return mayIssue(issuance);
    },
    clock,
  });
  const jwtSvids = createJwtSvidIssuer({
    trustDomain,
    issuer: ports.url,
    // Only when one is asked for: without that key, X.509-SVIDs are issued all the same.
    jwtKeys: () => loadJwtKeys(ports, anchors),
    audit: jwtAuditOf(recorder),
    admit: mayIssue,
    clock,
  });

  /** An outage that is there already costs nobody a token: what issuing needs is fetched, and a record goes ahead. */
  async function prepareJoin(agentId: string): Promise<void> {
    await issuer();
    const intent = { action: 'agent-join', subject: agentId, by: 'issue' };
    await recorder.record({ kind: 'administrator-action', ...intent });
  }

  const entries = createEntryStore({ table, mac, clock, trustDomain, createId: recorder.createId, onForged });
  const joinTokens = createJoinTokenStore({ table, mac, clock });
  const attestors = createAttestorStore({ table, mac, clock, onForged });
  const attesting = createAttesting({ ...ports, bundle, feedLog, joinTokens });
  const acmeAuthority = createAcmeAuthority({
    urls: createAcmeUrls(ports.acmeUrl ?? ports.url),
    keys: createAcmeKeyStore({ table, mac, clock, createId: recorder.createId, onForged }),
    certificates: createAcmeCertificateStore({ table, mac, onForged }),
    entries,
    authority,
    feedLog,
    table,
    clock,
    applyRevocations: async () => void (await certifier.applyRevocations()),
    recordRevocation: (revocation) => recorder.record({ kind: 'revocation', ...revocation }),
  });
  const app = createIssueApp({
    ...recorder.doorPorts,
    trustDomain,
    clock,
    authenticate: authenticateAgents({ ...ports, bundle, feedLog }),
    authority,
    jwtSvids,
    identify: ports.identify,
    acmeAuthority,
    entries,
    matchEntries: (attestation) =>
      entries.match(attestation, ({ entryId, reason }) =>
        recorder.doorPorts.recordRefusal({ door: 'issue template', reason, caller: `entry:${entryId}` }),
      ),
    joinTokens,
    lineages: createLineageStore({ table }),
    attestors,
    renewalStore: createRenewalStore({ table, mac, onForged }),
    prove: createProve({ attestors, attesting }),
    bundle,
    authorityJws: async () => (await anchors.current()).jws,
    noteAgent: (agentId, notAfterMs) => noteAgent(table, agentId, notAfterMs),
    noteAttested: createAttestedNotes(table),
    prepareJoin,
    prepareIssue: async () => void (await issuer()),
    recordJoin: (join) => recorder.record({ kind: 'join', ...join }),
    recordLock: (agentId, serial) =>
      recorder.record({
        kind: 'administrator-action',
        action: 'lineage-locked',
        subject: `${agentId} ${serial}`,
        by: 'issue',
      }),
  });
  return { app, authority, jwtSvids, acmeAuthority, ...recorder.lifecycle };
}

function jwtAuditOf({ record }: Recorder): JwtIssuanceAudit {
  return {
    issued: (issuance) => record({ kind: 'jwt-issued', ...issuance }),
    failed: (issuance, reason) => record({ kind: 'jwt-failed', ...issuance, reason }),
  };
}

function auditOf({ record }: Recorder): IssuanceAudit {
  return {
    begin: (issuance) => record({ kind: 'issuance-begin', ...issuance }),
    complete: (issuance) => record({ kind: 'issuance-complete', ...issuance }),
    failed: (issuance, reason) => record({ kind: 'issuance-failed', ...issuance, reason }),
  };
}

/** Whom an SVID is filed under: an agent's own under itself. */
const holderOf = ({ requester }: { readonly requester: string }): string => requester.slice(0, 900);

/** Nothing for a revoked entry, and nothing for or by a revoked agent. Cost: three reads. Throws when nobody can say. */
function createIssueRights(feedLog: Pick<FeedLog, 'latest'>, clock: Clock) {
  return async ({ spiffeId, requester, entryId }: { spiffeId: string; requester: string; entryId?: string }) => {
    const subjects = new Set([`agent:${spiffeId}`, `agent:${requester}`]);
    if (entryId !== undefined) subjects.add(`entry:${entryId}`);
    const facts = await Promise.all([...subjects].map((subject) => feedLog.latest('revocation', subject)));
    return facts.every((fact) => fact === undefined || fact.expiresAtMs <= clock.nowMs());
  };
}
