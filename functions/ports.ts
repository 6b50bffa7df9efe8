/** What a function is opened with: stores, keys, `rotate`'s word for keys of its own, a clock and a log. */
import type { KeyRing } from '@postern/keys';
import type { TrustDomain } from '@postern/spiffe';
import type { Clock, Objects, Table } from '@postern/store';
import type { Certifier } from './rotate/certifier.ts';

/** Structured lines for the operator. Never a body, a credential or a header's value. */
export type FunctionLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  fields?: { readonly [field: string]: string | number | boolean | undefined },
) => void;

export interface StorePorts {
  readonly trustDomain: TrustDomain;
  readonly table: Table;
  readonly objects: Objects;
  /** With the keys in the function's row of `ACCESS`. */
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly log: FunctionLog;
}

export interface FunctionPorts extends StorePorts {
  readonly certifier: Certifier;
}

export function describeFault(fault: unknown): string {
  if (!(fault instanceof Error)) return 'unknown fault';
  const cause = fault.cause instanceof Error ? ` (${fault.cause.message})` : '';
  return `${fault.name}: ${fault.message}${cause}`.slice(0, 500);
}
