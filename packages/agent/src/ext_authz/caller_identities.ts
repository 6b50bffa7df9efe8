/**
 * Who asks: the SPIFFE IDs that the process at the other end of a connection is entitled to. Remembered with the
 * connection, which its credentials belong to, and found anew while it lives.
 */
import type { Attestor } from '../attest/unix.ts';
import type { IdentitySource } from '../identity_source.ts';
import type { Log } from '../log.ts';
import type { PeerCredentials } from '../peer/credentials.ts';

/** Older than this it is found anew in the background, so that no request waits for /proc. */
const REFRESH_AFTER_MS = 1_000;
/** Older than this it counts for nothing: a program that was replaced, or an entry that was removed, asks no longer. */
export const MAX_AGE_MS = 5_000;

export interface CallerIdentities {
  /** In the source's stable order; empty for a caller that is entitled to none or cannot be attested. */
  of(peer: PeerCredentials): readonly string[] | Promise<readonly string[]>;
}

interface Known {
  readonly spiffeIds: readonly string[];
  readonly atMs: number;
}

/** `nowMs`: of a monotonic clock. `peer`: one object per connection, as the listeners make them. */
export function createCallerIdentities(ports: {
  readonly source: IdentitySource;
  readonly attestor: Attestor;
  readonly log: Log;
  readonly nowMs?: () => number;
}): CallerIdentities {
  const { source, attestor, log, nowMs = () => performance.now() } = ports;
  const known = new WeakMap<PeerCredentials, Known>();
  const finding = new WeakMap<PeerCredentials, Promise<readonly string[]>>();

  async function find(peer: PeerCredentials): Promise<readonly string[]> {
    const atMs = nowMs();
    const selectors = await attestor.attest(peer);
    if (!selectors.ok) log('warn', 'enforcement-point-not-attested', { pid: peer.pid, reason: selectors.reason });
    const identities = selectors.ok ? source.identitiesFor(selectors.value) : [];
    const spiffeIds = identities.map(({ spiffeId }) => spiffeId);
    known.set(peer, { spiffeIds, atMs });
    return spiffeIds;
  }

  /** Once at a time for a connection, however many requests wait. */
  function findOnce(peer: PeerCredentials): Promise<readonly string[]> {
    const found =
      finding.get(peer) ??
      find(peer).finally(() => {
        finding.delete(peer);
      });
    finding.set(peer, found);
    return found;
  }

  return {
    of(peer) {
      const held = known.get(peer);
      const ageMs = held === undefined ? Number.POSITIVE_INFINITY : nowMs() - held.atMs;
      if (held === undefined || ageMs > MAX_AGE_MS) return findOnce(peer);
      if (ageMs > REFRESH_AFTER_MS) {
        findOnce(peer).catch((fault: Error) => log('error', 'attestation-fault', { error: fault.message }));
      }
      return held.spiffeIds;
    },
  };
}
