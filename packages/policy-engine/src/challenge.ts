/** Forbids that name a way out: `@challenge("step-up:3600")`, a sign-in not older than so many seconds (RFC 9470). */

/** Ten years; more is no demand. */
const MAX_STEP_UP_SECONDS = 10 * 365 * 86_400;
/** Never 0: no sign-in is that new when it arrives, and whoever signs in again would be asked again. */
const STEP_UP = /^step-up:([1-9][0-9]{0,8})$/;

/** Seconds of a `step-up:SECONDS` annotation; `undefined` for anything else, which then challenges nobody. */
export function parseChallenge(annotation: string | undefined): number | undefined {
  const digits = annotation === undefined ? undefined : STEP_UP.exec(annotation)?.[1];
  const seconds = digits === undefined ? undefined : Number(digits);
  return seconds !== undefined && seconds <= MAX_STEP_UP_SECONDS ? seconds : undefined;
}

export function formatChallenge(maxAgeSeconds: number): string {
  return `step-up:${maxAgeSeconds}`;
}
