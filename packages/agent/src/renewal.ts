/**
 * When an SVID is renewed: after a quarter of its life (of 4 hours, after 1), so that an outage of hours harms nobody;
 * ±10 %, fixed by the serial, so that a fleet does not ask in step and one SVID does not change its mind.
 */
export function renewAtMs(svid: { readonly serial: string; readonly notBeforeMs: number; readonly notAfterMs: number }): number {
  const lifeMs = svid.notAfterMs - svid.notBeforeMs;
  const jitter = (Number.parseInt(svid.serial.slice(-4), 16) || 0) / 0xffff;
  return svid.notBeforeMs + lifeMs * (0.225 + 0.05 * jitter);
}

export function isDueForRenewal(
  svid: { readonly serial: string; readonly notBeforeMs: number; readonly notAfterMs: number },
  nowMs: number,
): boolean {
  return nowMs >= renewAtMs(svid);
}
