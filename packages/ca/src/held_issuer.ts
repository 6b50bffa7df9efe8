/** An issuer that is made on first use and held, for all who ask, until it is time for another or nobody believes it. */
import type { Certificate } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { Issuer } from './authority.ts';
import { WORKLOAD_PROFILE } from './profile.ts';

/** `keyId`: hex subject key id. Throws when nobody can say now. Cost: a read of the store. */
export type IsIssuerDistrusted = (keyId: string) => Promise<boolean>;

/** `issuer`: certificate of the one at hand. */
export type IsIssuerCurrent = (issuer: Certificate) => Promise<boolean>;
/** DER, from the certificate of the key that certified `issuer` upwards: where that is an intermediate and no root. */
export type AboveIssuer = (issuer: Certificate) => Promise<readonly Uint8Array[]>;

/** After a failure the present issuer goes on, and another is asked for this much later. */
const RETRY_MS = 30_000;
/** So long after it was distrusted an instance may still sign with it; decision points refuse those leaves. */
const CHECK_MS = 60_000;

/**
 * When there is no other to be had, the present one goes on until it cannot cover the shortest leaf, so that an outage of
 * hours harms nobody; a distrusted one never goes on. However many ask at once, one is made. Throws what `make` throws
 * when there is none to go on with.
 */
export function holdIssuer(ports: {
  readonly make: () => Promise<Issuer>;
  /** When another is asked for. */
  readonly replaceAtMs: (present: Issuer, nowMs: number) => number;
  readonly isDistrusted?: IsIssuerDistrusted | undefined;
  /** Whether it leads to the root that signs now; asked each time, so from memory. */
  readonly isCurrent?: IsIssuerCurrent | undefined;
  readonly clock: Clock;
}): () => Promise<Issuer> {
  const { clock, isDistrusted, isCurrent } = ports;
  let present: Issuer | undefined;
  let replaceAtMs = Number.NEGATIVE_INFINITY;
  let checkAtMs = Number.NEGATIVE_INFINITY;
  let retryAtMs = Number.NEGATIVE_INFINITY;
  let making: Promise<Issuer> | undefined;

  async function next(): Promise<Issuer> {
    try {
      if (present !== undefined && (await isDistrusted?.(present.certificate.subjectKeyId as string))) {
        present = undefined;
        replaceAtMs = Number.NEGATIVE_INFINITY;
      }
      const nowMs = clock.nowMs();
      if (present === undefined || nowMs >= replaceAtMs || (await isOutdated())) {
        present = await ports.make();
        replaceAtMs = ports.replaceAtMs(present, clock.nowMs());
        // Whoever certifies has not followed yet.
        if (await isOutdated()) retryAtMs = clock.nowMs() + RETRY_MS;
      }
      checkAtMs = clock.nowMs() + CHECK_MS;
      return present;
    } catch (fault) {
      const nowMs = clock.nowMs();
      const lastUseMs = (present?.certificate.notAfterMs ?? 0) - WORKLOAD_PROFILE.minTtlSeconds * 1000;
      if (present === undefined || nowMs > lastUseMs) throw fault;
      replaceAtMs = Math.max(replaceAtMs, nowMs + RETRY_MS);
      retryAtMs = nowMs + RETRY_MS;
      checkAtMs = nowMs + RETRY_MS;
      return present;
    } finally {
      making = undefined;
    }
  }

  /** After a roll-over; while no other is to be had it goes on, as the old root does. */
  async function isOutdated(): Promise<boolean> {
    if (present === undefined || isCurrent === undefined || clock.nowMs() < retryAtMs) return false;
    return !(await isCurrent(present.certificate));
  }

  return async () => {
    const nowMs = clock.nowMs();
    const isOld = await isOutdated();
    const isDue = isOld || nowMs >= replaceAtMs || (isDistrusted !== undefined && nowMs >= checkAtMs);
    if (present !== undefined && !isDue) return present;
    making ??= next();
    return making;
  };
}
