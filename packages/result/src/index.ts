/** A value, or a stable kebab-case reason why there is none. Faults (I/O, bugs) are thrown instead. */
export type Result<T, Reason extends string = string> = Success<T> | Refusal<Reason>;

export interface Success<T> {
  readonly ok: true;
  readonly value: T;
}

export interface Refusal<Reason extends string = string> {
  readonly ok: false;
  /** Stable and kebab-case: tests, records and metrics use it. */
  readonly reason: Reason;
  /** For operators: lower case, bounded, never a secret, never shown to an unauthenticated caller. */
  readonly detail?: string;
}

export function accept<T>(value: T): Success<T> {
  return { ok: true, value };
}

export function refuse<Reason extends string>(reason: Reason, detail?: string): Refusal<Reason> {
  return detail === undefined ? { ok: false, reason } : { ok: false, reason, detail };
}
