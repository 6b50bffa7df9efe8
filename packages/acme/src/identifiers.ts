/** The names of an order (RFC 8555 7.1.4), and whether its request says the same. */
import { type CheckedCsr, isLdhName, MAX_ENTRY_DNS_NAMES } from '@postern/ca';
import { accept, type Result, refuse } from '@postern/result';

export type IdentifierReason =
  | 'identifiers-malformed'
  | 'identifier-type'
  | 'identifier-wildcard'
  | 'identifier-syntax';

/**
 * `value`: `identifiers` of a new order, untrusted. Names are spelled as certificates have them: lower case, LDH, A-labels, no
 * trailing dot; nothing is folded, since what is then granted would be another name than what was asked for.
 */
export function parseIdentifiers(value: unknown): Result<readonly string[], IdentifierReason> {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_ENTRY_DNS_NAMES)
    return refuse('identifiers-malformed');
  const names: string[] = [];
  for (const identifier of value as unknown[]) {
    if (typeof identifier !== 'object' || identifier === null) return refuse('identifiers-malformed');
    const { type, value: name } = identifier as { readonly [member: string]: unknown };
    if (type !== 'dns') return refuse('identifier-type');
    if (typeof name !== 'string') return refuse('identifiers-malformed');
    if (name.startsWith('*.')) return refuse('identifier-wildcard');
    if (!isLdhName(name)) return refuse('identifier-syntax');
    if (names.includes(name)) return refuse('identifiers-malformed', 'twice');
    names.push(name);
  }
  return accept(names.sort());
}

/**
 * The DNS names that a request asks for, sorted: of its subjectAltName and of its common name (RFC 8555 7.4), which clients
 * still write. `csr-names`: it names nothing, or what is no DNS name, besides at most one URI, which is the entry's to compare.
 */
export function namesOfCsr(
  csr: Pick<CheckedCsr, 'dnsNames' | 'commonNames' | 'others' | 'uris'>,
): Result<readonly string[], 'csr-names'> {
  const names = [...new Set([...csr.dnsNames, ...csr.commonNames])].sort();
  const isPlain = csr.others === 0 && csr.uris.length <= 1 && names.every(isLdhName);
  return names.length > 0 && isPlain ? accept(names) : refuse('csr-names');
}

export const isSameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, index) => name === b[index]);
