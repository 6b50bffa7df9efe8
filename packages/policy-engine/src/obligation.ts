/** What an allow demands of the enforcement point: `@obligation("set-header:NAME=VALUE")`, `@obligation("remove-header:NAME")`. */

export type StatedObligation =
  | { readonly kind: 'set-header'; readonly name: string; readonly value: string }
  | { readonly kind: 'remove-header'; readonly name: string };

/** RFC 9110 5.6.2, lower case. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/;
/** Message framing and routing belong to the proxy, identity headers to the broker. */
const UNTOUCHABLE = /^(?:host|content-length|transfer-encoding|connection|te|trailer|upgrade|x-envoy-.*|x-postern-.*)$/;
const MAX_VALUE_LENGTH = 1024;

/** `undefined` for a condition that nobody would meet: publishing refuses it, and a decision point denies by it. */
export function parseObligation(annotation: string): StatedObligation | undefined {
  const match = /^(set-header|remove-header):([^=]*)(?:=(.*))?$/.exec(annotation);
  const [, kind, name = '', value] = match ?? [];
  if (!HEADER_NAME.test(name) || UNTOUCHABLE.test(name)) return undefined;
  if (kind === 'remove-header') return value === undefined ? { kind, name } : undefined;
  if (kind !== 'set-header' || value === undefined) return undefined;
  return value.length <= MAX_VALUE_LENGTH && /^[\x20-\x7e]*$/.test(value) ? { kind, name, value } : undefined;
}
