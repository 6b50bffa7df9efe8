/**
 * When an SVID is renewed: after a quarter of the life it was granted (of 4 hours, after 1), so that an outage of hours
 * harms nobody; ±10 %, fixed by the serial, so that a fleet does not ask in step and one SVID does not change its mind.
 */
export interface Lifetime {
  /** Lower-case hex. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Authorities set `notBefore` into the past for slow clocks: that part of the validity was never life. */
const BACKDATE_MS = 60_000;

export function renewAtMs({ serial, notBeforeMs, notAfterMs }: Lifetime): number {
  const validityMs = notAfterMs - notBeforeMs;
  const lifeMs = Math.max(validityMs - BACKDATE_MS, validityMs / 2);
  const jitter = (Number.parseInt(serial.slice(-4), 16) || 0) / 0xffff;
  return notAfterMs - lifeMs * (0.775 - 0.05 * jitter);
}

export function isDueForRenewal(svid: Lifetime, nowMs: number): boolean {
  return nowMs >= renewAtMs(svid);
}
