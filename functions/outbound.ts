/**
 * Where requests go whose place somebody else has a say in: an issuer that a release names, the keys that its document names,
 * a federated endpoint and its redirects. To the public internet, and to what an operator allows besides.
 */
import {
  type AddressRange,
  createAddressRule,
  type IsAddressAllowed,
  parseAddressRange,
  type ResolveName,
} from '@postern/outbound';
import { EnvironmentInvalid, VARIABLES } from './environment.ts';

export interface OutboundPlaces {
  /** Private networks that may be asked, such as those of one's own provider in a VPC. */
  readonly outboundRanges?: readonly AddressRange[];
  /** What is configured on this machine itself may be asked there; for development. */
  readonly allowLoopback?: boolean;
  /** PEM: who vouches for servers on the web; the platform's authorities when absent. */
  readonly webAuthorities?: readonly string[] | undefined;
  /** The platform's when absent. */
  readonly resolve?: ResolveName;
}

const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', '[::1]', 'localhost'];
const LOOPBACK_RANGES = ['127.0.0.0/8', '::1/128'].map((text) => {
  const range = parseAddressRange(text);
  if (!range.ok) throw new Error(text);
  return range.value;
});
const isPublic = createAddressRule([]);

export const isLoopbackHost = (url: URL): boolean => LOOPBACK_HOSTS.includes(url.hostname);

/**
 * Addresses for a place that configuration names, and for what it leads to. Loopback only for what is configured there: no
 * provider elsewhere leads our calls to this machine.
 */
export function addressRuleOf(
  { outboundRanges = [], allowLoopback = false }: OutboundPlaces,
  configured: URL,
): IsAddressAllowed {
  const loopback = allowLoopback && isLoopbackHost(configured) ? LOOPBACK_RANGES : [];
  return createAddressRule([...outboundRanges, ...loopback]);
}

/**
 * For what an answer from `address` leads to: whoever is on the internet leads nobody into a private network, also not into
 * one that an operator allows for those who are in it.
 */
export function addressRuleAfter(rule: IsAddressAllowed, address: string): IsAddressAllowed {
  return isPublic(address) ? isPublic : rule;
}

/** `text`: ranges with commas between them, as in `10.1.0.0/16,fd00:1::/48`; undefined where one is none. */
export function parseOutboundRanges(text: string): readonly AddressRange[] | undefined {
  const ranges: AddressRange[] = [];
  for (const member of text.split(',').map((part) => part.trim())) {
    if (member === '') continue;
    const range = parseAddressRange(member);
    if (!range.ok) return undefined;
    ranges.push(range.value);
  }
  return ranges;
}

/** Of a function's environment. Throws `EnvironmentInvalid`. */
export function readOutboundRanges({
  outboundRangesText,
}: {
  readonly outboundRangesText: string;
}): readonly AddressRange[] {
  const ranges = parseOutboundRanges(outboundRangesText);
  if (ranges === undefined)
    throw new EnvironmentInvalid(`\`${VARIABLES.outboundRanges}\` is no list as in \`10.1.0.0/16,fd00:1::/48\``);
  return ranges;
}
