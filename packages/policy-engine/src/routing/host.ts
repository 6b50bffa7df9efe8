/** The host a request names, in one spelling, so that it can be compared with the hosts of a service (X35). */
import { accept, type Result, refuse } from '@postern/result';

export type HostReason =
  | 'host-empty'
  | 'host-too-long'
  | 'host-userinfo'
  | 'host-not-ascii'
  | 'host-port-malformed'
  | 'host-name-malformed'
  | 'host-ip-malformed';

/** A DNS name has at most 253 characters; brackets, a trailing dot and a port come on top. */
const MAX_AUTHORITY_CHARS = 270;
const MAX_NAME_CHARS = 253;
/** Letters, digits, hyphens; no hyphen at the ends (RFC 1123 2.1). IDNs arrive as A-labels, which are such labels. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const PORT = /^(?:0|[1-9][0-9]{0,4})$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;
/** What resolvers take for a number: `127.1`, `0x7f000001`. A name must not end like that (URL Standard 3.5). */
const NUMBER_LABEL = /^(?:[0-9]+|0x[0-9a-f]*)$/;

export interface Host {
  /** Lower-case name without trailing dot, dotted IPv4 address, or bracketed IPv6 address (RFC 5952). */
  readonly name: string;
  readonly port?: number;
}

/**
 * Reads an untrusted authority (`Host` or `:authority`). Case, one trailing dot and the port do not name another host
 * and are taken off; userinfo, names that are no ASCII letters, digits and hyphens, and numbers that resolvers would
 * read as an address are refused.
 */
export function parseHost(authority: string): Result<Host, HostReason> {
  if (authority === '') return refuse('host-empty');
  if (authority.length > MAX_AUTHORITY_CHARS) return refuse('host-too-long');
  if (authority.includes('@')) return refuse('host-userinfo');
  if (/[^\x00-\x7f]/.test(authority)) return refuse('host-not-ascii');
  const isBracketed = authority.startsWith('[');
  const nameEnd = isBracketed ? authority.indexOf(']') + 1 : authority.indexOf(':');
  if (isBracketed && nameEnd === 0) return refuse('host-ip-malformed');
  const rawName = nameEnd < 0 ? authority : authority.slice(0, nameEnd);
  const rest = nameEnd < 0 ? '' : authority.slice(nameEnd);
  const name = isBracketed ? parseIpv6Name(rawName) : parseName(rawName.toLowerCase());
  if (!name.ok) return name;
  if (rest === '') return accept({ name: name.value });
  const port = rest.slice(1);
  if (!rest.startsWith(':') || !PORT.test(port) || Number(port) > 65_535) return refuse('host-port-malformed');
  return accept({ name: name.value, port: Number(port) });
}

function parseName(lowerCase: string): Result<string, HostReason> {
  const name = lowerCase.endsWith('.') ? lowerCase.slice(0, -1) : lowerCase;
  if (name === '') return refuse('host-empty');
  if (name.length > MAX_NAME_CHARS) return refuse('host-too-long');
  const labels = name.split('.');
  if (NUMBER_LABEL.test(labels.at(-1) ?? '')) return IPV4.test(name) ? accept(name) : refuse('host-ip-malformed');
  return labels.every((label) => LABEL.test(label)) ? accept(name) : refuse('host-name-malformed');
}

const IPV6_GROUP = /^[0-9a-f]{1,4}$/;

/** No zone, no embedded IPv4: proxies differ in what they make of them. */
function parseIpv6Name(bracketed: string): Result<string, HostReason> {
  const halves = bracketed.slice(1, -1).toLowerCase().split('::');
  if (halves.length > 2) return refuse('host-ip-malformed');
  const [head = [], tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const count = head.length + (tail?.length ?? 0);
  if (tail === undefined ? count !== 8 : count > 7) return refuse('host-ip-malformed');
  const groups = [...head, ...new Array<string>(8 - count).fill('0'), ...(tail ?? [])];
  if (!groups.every((group) => IPV6_GROUP.test(group))) return refuse('host-ip-malformed');
  return accept(`[${formatGroups(groups.map((group) => Number.parseInt(group, 16).toString(16)))}]`);
}

/** RFC 5952 4.2: `::` for the longest run of two or more zero groups, the first of equal ones. */
function formatGroups(groups: readonly string[]): string {
  let [start, length] = [0, 0];
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === '0') end++;
    if (end - i > length && end - i >= 2) [start, length] = [i, end - i];
    i = Math.max(i, end);
  }
  if (length === 0) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}
