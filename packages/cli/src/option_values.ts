/** Durations, numbers and addresses as people write them. */
import { isIP, isIPv6 } from 'node:net';
import { InvalidArgumentError } from 'commander';

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const MAX_SECONDS = 10 * 366 * 86_400;

/** `90s`, `15m`, `4h`, `30d` → seconds. */
export function parseDuration(text: string): number {
  const match = /^([1-9]\d{0,8})([smhd])$/.exec(text);
  const seconds = match === null ? 0 : Number(match[1]) * SECONDS[match[2] as keyof typeof SECONDS];
  if (seconds === 0 || seconds > MAX_SECONDS)
    throw new InvalidArgumentError('A duration is written as 90s, 15m, 4h or 30d.');
  return seconds;
}

/** A whole number from `least` on, at most `most`. */
export function parseNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(Number.isSafeInteger(value) && value >= least && value <= most))
      throw new InvalidArgumentError(`It is a number from ${least} to ${most}.`);
    return value;
  };
}

/** For options that may be given more than once. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

const MAX_PORT = 65_535;

/** `127.0.0.1:8080`, `ledger.internal:8443` or `[::1]:8080`. */
export function parseAddress(text: string): { readonly address: string; readonly port: number } {
  const [, ipv6, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const address = ipv6 ?? name;
  if (address === undefined || port > MAX_PORT || (ipv6 !== undefined && !isIPv6(ipv6)))
    throw new InvalidArgumentError('An address is written as 127.0.0.1:8080, name:8080 or [::1]:8080.');
  return { address, port };
}

/** Where only programs of this machine come: `127.0.0.1:9464`, `[::1]:9464`, or the path of a Unix socket, with a slash. */
export function parseOwnPlace(text: string): ReturnType<typeof parseAddress> | { readonly path: string } {
  if (text.includes('/')) return { path: text };
  const parsed = parseListenAddress(text);
  if (!/^(?:127\.|::1$)/.test(parsed.address))
    throw new InvalidArgumentError(
      'It is an address that only this machine reaches, as in 127.0.0.1:9464, or ./metrics.sock.',
    );
  return parsed;
}

/** `http://127.0.0.1:4318`; beyond this machine with TLS alone. */
export function parseCollectorUrl(text: string): string {
  const url = URL.parse(text);
  const isOwn = url?.protocol === 'http:' && /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  const isPlain = url?.username === '' && url.pathname === '/' && url.search === '' && url.hash === '';
  if (url === null || !isPlain || !(isOwn || url.protocol === 'https:'))
    throw new InvalidArgumentError('It is http://127.0.0.1:4318, or https:// for another machine, without a path.');
  return url.origin;
}

/** Of this machine: no name, which could mean another. */
export function parseListenAddress(text: string): ReturnType<typeof parseAddress> {
  const parsed = parseAddress(text);
  if (isIP(parsed.address) === 0) throw new InvalidArgumentError('It is an IP address and a port, as in 0.0.0.0:8443.');
  return parsed;
}
