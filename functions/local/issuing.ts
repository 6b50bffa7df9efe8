/** The authority on an ephemeral issuer of this process, and the stores of what it issues for. */
import {
  type Authority,
  createAuthority,
  createEntryStore,
  createEphemeralIssuer,
  createJoinTokenStore,
  createLineageStore,
  type EntryStore,
  type IssuanceAudit,
  type JoinTokenStore,
  type LineageStore,
} from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import type { Clock } from '@postern/store';
import { createCertifyIssuer } from '../rotate/rotate.ts';
import type { Adapters } from './adapters.ts';
import type { LocalLog } from './log.ts';
import type { RecordBy } from './producers.ts';
import type { LocalTrustDomain } from './trust_domain.ts';

export interface Issuing {
  readonly authority: Authority;
  readonly entries: EntryStore;
  readonly joinTokens: JoinTokenStore;
  readonly lineages: LineageStore;
}

export async function createIssuing(ports: {
  readonly adapters: Adapters;
  readonly domain: LocalTrustDomain;
  readonly feedLog: FeedLog;
  readonly recordBy: RecordBy;
  readonly clock: Clock;
  readonly createId: () => string;
  readonly log: LocalLog;
}): Promise<Issuing> {
  const { adapters, domain, feedLog, clock, createId, log } = ports;
  const { table, keys } = adapters;
  const { trustDomain, root, signers } = domain;
  const recordRotation = ports.recordBy('rotate');
  const record = ports.recordBy('issue');
  const certify = createCertifyIssuer({
    trustDomain,
    rootSigner: async () => signers.root,
    root,
    feedLog,
    table,
    clock,
    recordIssuer: (issuer) => recordRotation({ kind: 'issuer-certified', ...issuer }),
  });
  const audit: IssuanceAudit = {
    begin: (issuance) => record({ kind: 'issuance-begin', ...issuance }),
    complete: (issuance) => record({ kind: 'issuance-complete', ...issuance }),
    failed: (issuance, reason) => record({ kind: 'issuance-failed', ...issuance, reason }),
  };
  const mac = await keys.mac('entries');
  return {
    authority: createAuthority({ issuer: createEphemeralIssuer({ certify, clock }), audit, clock }),
    entries: createEntryStore({
      table,
      mac,
      clock,
      trustDomain,
      createId,
      onForged: (key) => log('error', 'entry-forged', key),
    }),
    joinTokens: createJoinTokenStore({ table, mac, clock }),
    lineages: createLineageStore({ table }),
  };
}
