/** The addresses of a host to which a request may go: resolved once, and each of them checked. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { accept, type Result, refuse } from '@postern/result';
import type { IsAddressAllowed } from './address.ts';

/** Addresses of a name; throws or answers none where there are none. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

export interface ResolveRules {
  readonly isAddressAllowed: IsAddressAllowed;
  readonly resolve: ResolveName;
}

export type ResolveReason =
  | 'name-unresolved'
  /** Each address of the name is one that nobody may be sent to. */
  | 'address-refused'
  | 'timed-out';

const MAX_ADDRESSES = 2;

/** A name, or an address as sockets take it: IPv6 without brackets. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

/** By the resolver of the platform, `/etc/hosts` too. */
export const resolveByPlatform: ResolveName = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/** `host`: a name or an address, IPv6 without brackets; untrusted. Answers one address at least, and two at most. */
export async function resolveChecked(
  host: string,
  { isAddressAllowed, resolve }: ResolveRules,
  signal: AbortSignal,
): Promise<Result<readonly string[], ResolveReason>> {
  const addresses = isIP(host) === 0 ? await resolveWithin(host, resolve, signal) : accept([host]);
  if (!addresses.ok) return addresses;
  const allowed = addresses.value.filter(isAddressAllowed);
  if (allowed.length === 0) return refuse('address-refused', addresses.value.slice(0, MAX_ADDRESSES).join(' '));
  return accept(toTry(allowed));
}

/** The first, and then one of the other family where there is one: a machine may have a route to one of the two alone. */
function toTry(allowed: readonly string[]): readonly string[] {
  const [first = '', ...others] = allowed;
  const second = others.find((address) => isIP(address) !== isIP(first)) ?? others[0];
  return second === undefined ? [first] : [first, second];
}

async function resolveWithin(
  name: string,
  resolve: ResolveName,
  signal: AbortSignal,
): Promise<Result<readonly string[], 'name-unresolved' | 'timed-out'>> {
  const over = new Promise<undefined>((done) => {
    if (signal.aborted) done(undefined);
    signal.addEventListener('abort', () => done(undefined), { once: true });
  });
  try {
    const addresses = await Promise.race([resolve(name), over]);
    if (addresses === undefined) return refuse('timed-out');
    return addresses.length > 0 ? accept(addresses) : refuse('name-unresolved');
  } catch {
    return refuse('name-unresolved');
  }
}
