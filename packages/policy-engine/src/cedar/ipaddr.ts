/** Cedar's `ipaddr`: an IPv4 or IPv6 address with a prefix length; a single address has the full length. */
import { accept, type Result, refuse } from '@postern/result';

export interface IpAddr {
  readonly kind: 'ipaddr';
  readonly version: 4 | 6;
  /** The address as written, host bits included: `10.0.0.1/8` differs from `10.0.0.0/8`. */
  readonly address: number | bigint;
  readonly prefixLength: number;
  /** First and last address of the range. */
  readonly first: number | bigint;
  readonly last: number | bigint;
}

export type IpReason = 'ip-malformed' | 'ip-prefix-malformed';

/** The longest accepted text: a full IPv6 address and `/128`. */
const MAX_IP_LENGTH = 43;

/**
 * Reads untrusted text such as `10.0.0.0/8` or `2001:db8::1`. No leading zeros in octets or prefix, and no IPv4 inside
 * IPv6, because other readers take those for another address (Cedar, `ipaddr` extension; RFC 6943 3.1.1).
 */
export function ipOf(text: string): Result<IpAddr, IpReason> {
  if (text.length > MAX_IP_LENGTH) return refuse('ip-malformed');
  const slash = text.indexOf('/');
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const prefixText = slash < 0 ? undefined : text.slice(slash + 1);
  const v4 = parseIpv4(addressText);
  if (v4 !== undefined) {
    const prefix = prefixText === undefined ? 32 : parsePrefix(prefixText, 32);
    return prefix === undefined ? refuse('ip-prefix-malformed') : accept(ipv4Range(v4, prefix));
  }
  const v6 = parseIpv6(addressText);
  if (v6 === undefined) return refuse('ip-malformed');
  const prefix = prefixText === undefined ? 128 : parsePrefix(prefixText, 128);
  return prefix === undefined ? refuse('ip-prefix-malformed') : accept(ipv6Range(v6, prefix));
}

/** Whether every address of `inner` lies in `outer`; addresses of different versions never do. */
export function isInRange(inner: IpAddr, outer: IpAddr): boolean {
  return inner.version === outer.version && outer.first <= inner.first && inner.last <= outer.last;
}

/** `127.0.0.0/8` and `::1`, and ranges that lie wholly inside. */
export function isLoopback(ip: IpAddr): boolean {
  if (ip.version === 4) return Number(ip.address) >>> 24 === 127 && ip.prefixLength >= 8;
  return ip.address === 1n && ip.prefixLength === 128;
}

/** `224.0.0.0/4` and `ff00::/8`, and ranges that lie wholly inside. */
export function isMulticast(ip: IpAddr): boolean {
  if (ip.version === 4) return Number(ip.address) >>> 28 === 14 && ip.prefixLength >= 4;
  return (ip.address as bigint) >> 120n === 0xffn && ip.prefixLength >= 8;
}

/** Text that reads back as the same value; IPv6 uncompressed, always with the prefix length. */
export function formatIp(ip: IpAddr): string {
  if (ip.version === 4) {
    const address = Number(ip.address);
    return `${[24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')}/${ip.prefixLength}`;
  }
  const hex = (ip.address as bigint).toString(16).padStart(32, '0');
  const groups = hex.match(/.{4}/g) ?? [];
  return `${groups.map((group) => group.replace(/^0{1,3}/, '')).join(':')}/${ip.prefixLength}`;
}

function ipv4Range(address: number, prefixLength: number): IpAddr {
  const hostSize = 2 ** (32 - prefixLength);
  const first = address - (address % hostSize);
  return { kind: 'ipaddr', version: 4, address, prefixLength, first, last: first + hostSize - 1 };
}

function ipv6Range(address: bigint, prefixLength: number): IpAddr {
  const hostMask = (1n << BigInt(128 - prefixLength)) - 1n;
  return {
    kind: 'ipaddr',
    version: 6,
    address,
    prefixLength,
    first: address - (address & hostMask),
    last: address | hostMask,
  };
}

function parsePrefix(text: string, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return undefined;
  const prefix = Number(text);
  return prefix <= max ? prefix : undefined;
}

/** Four decimal octets without leading zeros. Written out because it runs for each request's source address. */
function parseIpv4(text: string): number | undefined {
  let address = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) {
      if (octet === 0) return undefined;
      octet = octet < 0 ? code - 48 : octet * 10 + code - 48;
      if (octet > 255) return undefined;
    } else if (code === 46 && octet >= 0 && dots < 3) {
      address = address * 256 + octet;
      octet = -1;
      dots++;
    } else return undefined;
  }
  return dots === 3 && octet >= 0 ? address * 256 + octet : undefined;
}

const GROUP = /^[0-9a-fA-F]{1,4}$/;

/** Eight groups of one to four hexadecimal digits, one `::` standing for at least one of them (RFC 4291 2.2). */
function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = '', tail] = halves;
  const headGroups = head === '' ? [] : head.split(':');
  const tailGroups = tail === undefined || tail === '' ? [] : tail.split(':');
  const count = headGroups.length + tailGroups.length;
  if (tail === undefined ? count !== 8 : count > 7) return undefined;
  const groups = [...headGroups, ...new Array<string>(8 - count).fill('0'), ...tailGroups];
  let address = 0n;
  for (const group of groups) {
    if (!GROUP.test(group)) return undefined;
    address = (address << 16n) | BigInt(`0x${group}`);
  }
  return address;
}
