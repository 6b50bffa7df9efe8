/** The identities that this node holds, as the Workload API and SDS see them. */
import type { AgentEntry } from '@postern/api';
import type { JwtAuthority } from '@postern/spiffe';
import type { IdentitySource, WorkloadIdentity } from './identity_source.ts';

export interface IdentityStore extends IdentitySource {
  /** Replaces entries and identities at once; listeners are called when anything differs. */
  replace(entries: readonly AgentEntry[], identities: ReadonlyMap<string, WorkloadIdentity>): void;
  /** Both at once; without `jwtAuthorities` no JWT-SVID counts. */
  setBundles(
    bundles: ReadonlyMap<string, readonly Uint8Array[]>,
    jwtAuthorities?: ReadonlyMap<string, readonly JwtAuthority[]>,
  ): void;
  identity(entryId: string): WorkloadIdentity | undefined;
  entries(): readonly AgentEntry[];
}

export function createIdentityStore(trustDomain: string): IdentityStore {
  const listeners = new Set<() => void>();
  let entries: readonly AgentEntry[] | undefined;
  let identities: ReadonlyMap<string, WorkloadIdentity> = new Map();
  let bundles: ReadonlyMap<string, readonly Uint8Array[]> = new Map();
  let jwtAuthorities: ReadonlyMap<string, readonly JwtAuthority[]> = new Map();

  function entitled<T>(all: ReadonlyMap<string, T>, own: readonly WorkloadIdentity[]): ReadonlyMap<string, T> {
    const ids = new Set(own.map(({ entryId }) => entryId));
    const federated = (entries ?? []).flatMap(({ id, federatesWith = [] }) => (ids.has(id) ? federatesWith : []));
    const names = new Set([trustDomain, ...federated]);
    return new Map([...all].filter(([name]) => names.has(name)));
  }

  function changed(): void {
    for (const listener of listeners) listener();
  }

  return {
    trustDomain,
    isReady: () => entries !== undefined && bundles.has(trustDomain),
    identitiesFor(selectors) {
      const held = new Set(selectors);
      const found: WorkloadIdentity[] = [];
      for (const entry of entries ?? []) {
        // An entry without selectors would fit everybody: never matched.
        if (entry.selectors.length === 0 || !entry.selectors.every((selector) => held.has(selector))) continue;
        const identity = identities.get(entry.id);
        if (identity !== undefined) found.push(identity);
      }
      return found;
    },
    identity: (entryId) => identities.get(entryId),
    entries: () => entries ?? [],
    bundles: (own) => entitled(bundles, own),
    jwtAuthorities: (own) => entitled(jwtAuthorities, own),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    replace(nextEntries, nextIdentities) {
      // Entry ids are UUIDv7: ordered by age, so the default identity of a workload stays the same.
      entries = [...nextEntries].sort((a, b) => (a.id < b.id ? -1 : 1));
      identities = nextIdentities;
      changed();
    },
    setBundles(next, nextJwtAuthorities = new Map()) {
      bundles = next;
      jwtAuthorities = nextJwtAuthorities;
      changed();
    },
  };
}
