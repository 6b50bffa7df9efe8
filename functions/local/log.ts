/** Structured lines for the operator of the embedded default. Never a body, a credential or a header's value. */
export type LocalLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  fields?: { readonly [field: string]: string | number | boolean | undefined },
) => void;

export function describeFault(fault: unknown): string {
  if (!(fault instanceof Error)) return 'unknown fault';
  const cause = fault.cause instanceof Error ? ` (${fault.cause.message})` : '';
  return `${fault.name}: ${fault.message}${cause}`.slice(0, 500);
}
