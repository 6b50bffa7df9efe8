/**
 * Federated trust domains that showed an authority or a key which their bundle here does not have: it may be newer than the
 * bundle, which is then asked for without waiting for its hint. Anybody can show one, so a domain is told of once a minute.
 */
import type { Clock } from '@postern/store';

/** Of one trust domain, at every place that tells of it or asks for it. */
export const WANTED_AGAIN_MS = 60_000;
/** More than a deployment federates with. */
const MAX_DOMAINS = 1000;

export interface WantedBundles {
  /** `trustDomain`: one whose bundle is known here; the own one comes by itself. */
  note(trustDomain: string): void;
  /** What to tell the control plane; the same until it was told. */
  next(): string | undefined;
  told(trustDomain: string): void;
}

export function createWantedBundles(ports: {
  readonly ownTrustDomain: string;
  readonly clock: Pick<Clock, 'nowMs'>;
}): WantedBundles {
  const notedAtMs = new Map<string, number>();
  const pending = new Set<string>();
  return {
    note(trustDomain) {
      const nowMs = ports.clock.nowMs();
      const lastMs = notedAtMs.get(trustDomain) ?? Number.NEGATIVE_INFINITY;
      if (trustDomain === ports.ownTrustDomain || nowMs - lastMs < WANTED_AGAIN_MS) return;
      if (notedAtMs.size >= MAX_DOMAINS && !notedAtMs.has(trustDomain)) return;
      notedAtMs.set(trustDomain, nowMs);
      pending.add(trustDomain);
    },
    next: () => pending.values().next().value,
    told: (trustDomain) => void pending.delete(trustDomain),
  };
}
