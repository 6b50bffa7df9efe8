/** When a certificate should be renewed (RFC 9773 4.2). */

export interface RenewalWindow {
  readonly startMs: number;
  readonly endMs: number;
}

/** RFC 9773 4.3: when to ask again. Our certificates live for hours. */
export const RENEWAL_RETRY_SECONDS = 15 * 60;

/** The second quarter of its life: an outage of half its life harms nobody. One that is taken back is due already. */
export function renewalWindow(
  certificate: { readonly notBeforeMs: number; readonly notAfterMs: number; readonly isRevoked: boolean },
  nowMs: number,
): RenewalWindow {
  const { notBeforeMs, notAfterMs, isRevoked } = certificate;
  if (isRevoked) return { startMs: nowMs - 120_000, endMs: nowMs - 60_000 };
  const lifeMs = notAfterMs - notBeforeMs;
  return { startMs: notBeforeMs + lifeMs / 4, endMs: notBeforeMs + lifeMs / 2 };
}
