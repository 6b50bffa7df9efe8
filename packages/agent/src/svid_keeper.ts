/**
 * Holds an SVID for every entry bound to this node: keys are made here and never leave, certificates are asked for by
 * CSR, renewed long before they end, and dropped when the entry is gone.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type AgentEntry, MAX_SVIDS_PER_REQUEST, type SvidRequest } from '@postern/api';
import { createCsr } from '@postern/ca';
import { isDistrusted, isRevoked, type Revocations } from '@postern/identity';
import type { Clock } from '@postern/store';
import { createRootFollower, issuerKeyIdOf } from './authority_chain.ts';
import type { ControlPlaneClient } from './control_plane/client.ts';
import type { WorkloadIdentity } from './identity_source.ts';
import type { IdentityStore } from './identity_store.ts';
import type { Log } from './log.ts';
import { isDueForRenewal } from './renewal.ts';

export interface SvidKeeper {
  /** One round: entries, then whatever is missing, changed or due. Throws when the control plane cannot be reached. */
  sync(): Promise<void>;
}

/** Certificates begin a minute before they are made: what is taken back by its name is in order after that. */
const REPLACE_AGAIN_MS = 60_000;

interface Pending {
  readonly entry: AgentEntry;
  readonly privateKey: KeyObject;
  readonly request: SvidRequest;
}

export function createSvidKeeper(ports: {
  readonly client: ControlPlaneClient;
  readonly store: IdentityStore;
  readonly clock: Clock;
  readonly log: Log;
  /** As the feed has them now. */
  readonly revocations: () => Revocations;
  /** How long after a roll-over the last SVID is renewed for it. */
  readonly followRootMs?: number;
}): SvidKeeper {
  const { client, store, clock, log } = ports;
  const root = createRootFollower(() => store.bundles([]).get(store.trustDomain) ?? [], ports.followRootMs);
  let etag: string | undefined;
  let entries: readonly AgentEntry[] = [];
  /** Entry id → revision that its SVID was issued for: a changed entry asks for a new one. */
  const issuedRevision = new Map<string, number>();
  /** Entry id → when its last SVID came. */
  const receivedAtMs = new Map<string, number>();

  /** No decision point takes it any more, so that it is handed to nobody. */
  function isTakenBack({ serial, spiffeId, chain, notBeforeMs }: WorkloadIdentity, nowMs: number): boolean {
    const revocations = ports.revocations();
    if (revocations.size === 0) return false;
    const issuer = issuerKeyIdOf(chain);
    return (
      isDistrusted(revocations, `svid:${serial}`, nowMs) ||
      isRevoked(revocations, `spiffe-id:${spiffeId}`, notBeforeMs, nowMs) ||
      (issuer !== undefined && isDistrusted(revocations, `issuer:${issuer}`, nowMs))
    );
  }

  /** What was taken back by itself is replaced at once; by its name, with a certificate of a minute later. */
  function isReplaceable(entry: AgentEntry, nowMs: number): boolean {
    const lastMs = receivedAtMs.get(entry.id) ?? Number.NEGATIVE_INFINITY;
    return nowMs - lastMs >= REPLACE_AGAIN_MS;
  }

  async function syncEntries(): Promise<boolean> {
    const answer = await client.entries(etag);
    if (!answer.ok) {
      log('error', 'entries-refused', { reason: answer.reason });
      return false;
    }
    if (answer.value === 'unchanged') return false;
    entries = answer.value.entries.entries;
    etag = answer.value.etag;
    return true;
  }

  function isDue(entry: AgentEntry, nowMs: number): boolean {
    const held = store.identity(entry.id);
    // Nobody signs for it, until it is given back.
    if (isDistrusted(ports.revocations(), `entry:${entry.id}`, nowMs)) return false;
    if (held === undefined || isTakenBack(held, nowMs)) return isReplaceable(entry, nowMs);
    if (issuedRevision.get(entry.id) !== entry.revision) return true;
    return isDueForRenewal(held, nowMs) || root.isDue(held, nowMs);
  }

  async function prepare(entry: AgentEntry): Promise<Pending> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csr = createCsr(privateKey, { spiffeId: entry.spiffeId });
    return { entry, privateKey, request: { entryId: entry.id, csr: Buffer.from(csr).toString('base64') } };
  }

  /** `issued`: takes in what came, also when a later batch fails. */
  async function issue(due: readonly AgentEntry[], issued: Map<string, WorkloadIdentity>): Promise<void> {
    for (let from = 0; from < due.length; from += MAX_SVIDS_PER_REQUEST) {
      const batch = await Promise.all(due.slice(from, from + MAX_SVIDS_PER_REQUEST).map(prepare));
      const answer = await client.svids({ requests: batch.map((pending) => pending.request) });
      if (!answer.ok) {
        log('error', 'svids-refused', { reason: answer.reason });
        break;
      }
      for (const refusal of answer.value.refused)
        log('error', 'svid-refused', { entry: refusal.entryId, reason: refusal.reason });
      for (const svid of answer.value.svids) {
        const pending = batch.find(({ entry }) => entry.id === svid.entryId);
        if (pending === undefined || svid.spiffeId !== pending.entry.spiffeId) continue;
        issuedRevision.set(svid.entryId, pending.entry.revision);
        receivedAtMs.set(svid.entryId, clock.nowMs());
        issued.set(svid.entryId, {
          entryId: svid.entryId,
          spiffeId: svid.spiffeId,
          hint: pending.entry.hint,
          chain: svid.chain.map((der) => Buffer.from(der, 'base64')),
          privateKey: pending.privateKey.export({ format: 'der', type: 'pkcs8' }),
          serial: svid.serial,
          notBeforeMs: svid.notBeforeMs,
          notAfterMs: svid.notAfterMs,
        });
        log('info', 'svid-issued', { spiffeId: svid.spiffeId, serial: svid.serial });
      }
    }
  }

  /** Also while the control plane is away: what has ended or was taken back is nobody's identity any more. */
  function settle(hasChanged: boolean, issued: ReadonlyMap<string, WorkloadIdentity>, nowMs: number): void {
    const held = new Map<string, WorkloadIdentity>();
    let hasEnded = false;
    for (const entry of entries) {
      const identity = issued.get(entry.id) ?? store.identity(entry.id);
      if (identity === undefined) continue;
      if (identity.notAfterMs <= nowMs || isTakenBack(identity, nowMs)) hasEnded = true;
      else held.set(entry.id, identity);
    }
    if (hasChanged || hasEnded || issued.size > 0) store.replace(entries, held);
  }

  return {
    async sync() {
      const issued = new Map<string, WorkloadIdentity>();
      let hasChanged = false;
      try {
        hasChanged = await syncEntries();
        const nowMs = clock.nowMs();
        const due = entries.filter((entry) => isDue(entry, nowMs));
        if (due.length > 0) await issue(due, issued);
      } finally {
        settle(hasChanged, issued, clock.nowMs());
      }
    },
  };
}
