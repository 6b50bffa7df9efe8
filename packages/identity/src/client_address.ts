/** The address of a proxy's direct peer, in the one form that policies compare. */
import { isIPv4, isIPv6 } from 'node:net';
import { accept, type Result, refuse } from '@postern/result';

/** Longest textual IPv6 address (45) with a zone. */
const MAX_ADDRESS_LENGTH = 64;

/**
 * Reads the direct peer address an enforcement point reports (never `x-forwarded-for`, which is the client's word).
 * Prevents a range rule from being missed because the same address has several spellings: IPv4-mapped IPv6 becomes
 * IPv4 (Cedar's `ip()` refuses the mixed form; ext-authz.md X11), IPv6 is spelled as RFC 5952 has it, and a zone is
 * dropped. `text`: believed only as far as the enforcement point is. Refused: `client-address-malformed`.
 */
export function parseClientAddress(text: string): Result<string, 'client-address-malformed'> {
  if (text.length > MAX_ADDRESS_LENGTH) return refuse('client-address-malformed');
  if (isIPv4(text)) return accept(text);
  if (!isIPv6(text)) return refuse('client-address-malformed');
  const groups = ipv6Groups(text.split('%', 1)[0] as string);
  const [high, low] = [groups[6] as number, groups[7] as number];
  const isIPv4Mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isIPv4Mapped) return accept(`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
  return accept(formatIpv6(groups));
}

/** `address`: valid IPv6 without zone. Eight 16-bit groups. */
function ipv6Groups(address: string): readonly number[] {
  const [head = '', tail] = address.split('::', 2);
  const front = groupsOf(head);
  if (tail === undefined) return front;
  const back = groupsOf(tail);
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}

function groupsOf(part: string): readonly number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function formatIpv6(groups: readonly number[]): string {
  let [start, length] = [-1, 1];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (start < 0) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}
