/**
 * Which addresses a request may go to whose destination somebody else names: the public internet, and what an operator
 * allows besides. A function that fetches from anywhere would otherwise be a stranger's hand inside of our network.
 */
import { BlockList, isIP } from 'node:net';
import { accept, type Result, refuse } from '@postern/result';

/** `address`: an IP address as text, untrusted; false for whatever is none. */
export type IsAddressAllowed = (address: string) => boolean;

export interface AddressRange {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** What is not globally reachable (IANA special-purpose registry, RFC 6890), multicast, and what is reserved. */
const NOT_PUBLIC_V4: readonly [address: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
/** Of global unicast (RFC 4291 2.4): protocol assignments with Teredo, documentation, and 6to4, which wraps IPv4. */
const NOT_PUBLIC_V6: readonly [address: string, prefix: number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const global6 = new BlockList();
global6.addSubnet('2000::', 3, 'ipv6');
const notPublic = new BlockList();
for (const [address, prefix] of NOT_PUBLIC_V4) notPublic.addSubnet(address, prefix, 'ipv4');
for (const [address, prefix] of NOT_PUBLIC_V6) notPublic.addSubnet(address, prefix, 'ipv6');

/** `text`: `10.1.0.0/16` or `fd00:1::/48`, from an operator. */
export function parseAddressRange(text: string): Result<AddressRange, 'address-range'> {
  const [, address = '', digits = ''] = /^([0-9A-Fa-f.:]{2,45})\/(\d{1,3})$/.exec(text) ?? [];
  const family = familyOf(address);
  const prefix = Number(digits);
  if (family === undefined || digits === '' || prefix > (family === 'ipv4' ? 32 : 128)) return refuse('address-range');
  return accept({ address, prefix, family });
}

/** `allowed`: besides the public internet. */
export function createAddressRule(allowed: readonly AddressRange[]): IsAddressAllowed {
  // One list for each family: a list of both takes an IPv4-mapped address for the IPv4 address in it.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const { address, prefix, family } of allowed) lists[family].addSubnet(address, prefix, family);
  return (address) => {
    const family = familyOf(address);
    if (family === undefined) return false;
    // A mapped, translated or scoped address is another spelling of one that could be named plainly.
    if (family === 'ipv6' && (isMapped(address) || address.includes('%'))) return false;
    return lists[family].check(address, family) || isPublic(address, family);
  };
}

function isPublic(address: string, family: 'ipv4' | 'ipv6'): boolean {
  return (family === 'ipv4' || global6.check(address, 'ipv6')) && !notPublic.check(address, family);
}

const mapped = new BlockList();
mapped.addSubnet('::', 96, 'ipv6');
mapped.addSubnet('64:ff9b::', 96, 'ipv6');
const everyV4 = new BlockList();
everyV4.addSubnet('0.0.0.0', 0, 'ipv4');

/** IPv4-mapped (`::ffff:0:0/96`), IPv4-compatible and NAT64. `::1` is none: who allows it says so. */
function isMapped(address: string): boolean {
  if (address === '::1') return false;
  return mapped.check(address, 'ipv6') || everyV4.check(address, 'ipv6');
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  if (version === 4) return 'ipv4';
  return version === 6 ? 'ipv6' : undefined;
}
