import { describe, expect, test } from 'vitest';
import { isMemberOf, parseSpiffeId, parseTrustDomain, trustDomainId } from './index.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const IN_TRUST_DOMAIN = new Set(`${LETTERS}0123456789.-_`);
const IN_PATH = new Set(`${LETTERS}${LETTERS.toUpperCase()}0123456789.-_`);

/** Every byte as Latin-1, and what a decoder might make of others: lookalikes, a line separator, half a pair. */
const CHARACTERS = [
  ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)),
  ...['\u0430', '\u2028', '\uff0f', '\u200b', '\ud800', '\u{1f600}'],
];

describe('a character outside the grammar never gets into a name (SPIFFE-ID 2.1, 2.2)', () => {
  const positions: [string, (character: string) => string, Set<string>, string[]][] = [
    // A slash there ends the trust domain: an empty one, or one with a path.
    ['first of the trust domain', (c) => `spiffe://${c}a/b`, IN_TRUST_DOMAIN, ['/']],
    ['inside the trust domain', (c) => `spiffe://a${c}b/c`, IN_TRUST_DOMAIN, ['/']],
    ['last of the trust domain', (c) => `spiffe://a${c}`, IN_TRUST_DOMAIN, ['/']],
    ['inside a segment', (c) => `spiffe://a/b${c}c`, IN_PATH, ['/']],
    ['first of a segment', (c) => `spiffe://a/${c}b/c`, IN_PATH, ['/']],
    ['last of the path', (c) => `spiffe://a/b/c${c}`, IN_PATH, ['/']],
  ];
  test.each(positions)('%s', (_name, idOf, allowed, decidedElsewhere) => {
    for (const character of CHARACTERS) {
      if (decidedElsewhere.includes(character)) continue;
      const text = idOf(character);
      const id = parseSpiffeId(text);
      expect([character, id.ok]).toEqual([character, allowed.has(character)]);
      if (id.ok) expect(id.value.uri).toBe(text);
      else expect(['trust-domain-character', 'path-character']).toContain(id.reason);
    }
  });

  test('a segment of one character', () => {
    for (const character of CHARACTERS.filter((c) => c !== '/')) {
      const id = parseSpiffeId(`spiffe://a/${character}`);
      const isAllowed = IN_PATH.has(character) && character !== '.';
      expect([character, id.ok]).toEqual([character, isAllowed]);
    }
  });

  test('the scheme, in any place and case', () => {
    for (let index = 0; index < 'spiffe://'.length; index++) {
      for (const character of CHARACTERS) {
        const scheme = `${'spiffe://'.slice(0, index)}${character}${'spiffe://'.slice(index + 1)}`;
        const id = parseSpiffeId(`${scheme}a/b`);
        if (scheme === 'spiffe://') expect(id.ok).toBe(true);
        else expect([scheme, id]).toEqual([scheme, { ok: false, reason: 'spiffe-id-scheme' }]);
      }
    }
  });
});

describe('one reason per rule', () => {
  const long = (length: number) => `spiffe://a/${'b'.repeat(length - 'spiffe://a/'.length)}`;
  const rows: [harm: string, text: string, reason: string][] = [
    ['nothing', '', 'spiffe-id-scheme'],
    ['another scheme', 'https://demo.test/a', 'spiffe-id-scheme'],
    ['a scheme in upper case', 'SPIFFE://demo.test/a', 'spiffe-id-scheme'],
    ['no authority', 'spiffe:/demo.test/a', 'spiffe-id-scheme'],
    ['space in front', ' spiffe://demo.test/a', 'spiffe-id-scheme'],
    ['an empty trust domain', 'spiffe://', 'trust-domain-empty'],
    ['an empty trust domain before a path', 'spiffe:///a', 'trust-domain-empty'],
    ['upper case in the trust domain', 'spiffe://Demo.test/a', 'trust-domain-character'],
    ['userinfo', 'spiffe://user@demo.test/a', 'trust-domain-character'],
    ['a bare @', 'spiffe://@demo.test/a', 'trust-domain-character'],
    ['a port', 'spiffe://demo.test:443/a', 'trust-domain-character'],
    ['a bare colon', 'spiffe://demo.test:/a', 'trust-domain-character'],
    ['an escape in the trust domain', 'spiffe://demo%2etest/a', 'trust-domain-character'],
    ['a query on the trust domain', 'spiffe://demo.test?a', 'trust-domain-character'],
    ['a fragment on the trust domain', 'spiffe://demo.test#a', 'trust-domain-character'],
    ['an IPv6 address', 'spiffe://[::1]/a', 'trust-domain-character'],
    ['a trust domain of 256 bytes', `spiffe://${'a'.repeat(256)}/b`, 'trust-domain-too-long'],
    ['2049 bytes', long(2049), 'spiffe-id-too-long'],
    ['a trailing slash on the trust domain', 'spiffe://demo.test/', 'path-trailing-slash'],
    ['a trailing slash', 'spiffe://demo.test/a/', 'path-trailing-slash'],
    ['an empty segment', 'spiffe://demo.test/a//b', 'path-empty-segment'],
    ['an empty first segment', 'spiffe://demo.test//a', 'path-empty-segment'],
    ['a dot segment', 'spiffe://demo.test/./a', 'path-dot-segment'],
    ['a climb', 'spiffe://demo.test/a/../b', 'path-dot-segment'],
    ['a climb at the end', 'spiffe://demo.test/a/..', 'path-dot-segment'],
    ['an escape', 'spiffe://demo.test/%61', 'path-character'],
    ['an escaped climb', 'spiffe://demo.test/%2e%2e/a', 'path-character'],
    ['a query', 'spiffe://demo.test/a?b', 'path-character'],
    ['a fragment', 'spiffe://demo.test/a#b', 'path-character'],
    ['a backslash', 'spiffe://demo.test/a\\b', 'path-character'],
    ['a NUL', 'spiffe://demo.test/a\0', 'path-character'],
    ['a line break at the end', 'spiffe://demo.test/a\n', 'path-character'],
    ['a letter outside ASCII', 'spiffe://demo.test/é', 'path-character'],
  ];
  test.each(rows)('refuses %s', (_harm, text, reason) => {
    expect(parseSpiffeId(text)).toEqual({ ok: false, reason });
  });

  const valid: [text: string, trustDomain: string, path: string][] = [
    ['spiffe://demo.test', 'demo.test', ''],
    ['spiffe://demo.test/Payments/v1.2_3-4', 'demo.test', '/Payments/v1.2_3-4'],
    ['spiffe://1.2.3.4/service', '1.2.3.4', '/service'],
    ['spiffe://_/a', '_', '/a'],
    ['spiffe://a..b/...', 'a..b', '/...'],
    [`spiffe://${'a'.repeat(255)}/b`, 'a'.repeat(255), '/b'],
    [long(2048), 'a', `/${'b'.repeat(2037)}`],
  ];
  test.each(valid)('reads %s', (uri, trustDomain, path) => {
    expect(parseSpiffeId(uri)).toEqual({ ok: true, value: { uri, trustDomain, path } });
  });
});

test('an ID cannot be changed after it was checked', () => {
  const id = parseSpiffeId('spiffe://demo.test/a');
  if (!id.ok) throw new Error(id.reason);
  expect(() => Object.assign(id.value, { path: '/admin' })).toThrow(TypeError);
});

test('an ID of a longer, shorter or differently spelled trust domain is no member', () => {
  const domain = (text: string) => {
    const parsed = parseTrustDomain(text);
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.value;
  };
  const id = parseSpiffeId('spiffe://demo.test/a');
  if (!id.ok) throw new Error(id.reason);
  expect(isMemberOf(id.value, domain('demo.test'))).toBe(true);
  for (const other of ['demo.test.', 'demo.tes', 'a.demo.test', 'test'])
    expect(isMemberOf(id.value, domain(other))).toBe(false);
  expect(trustDomainId(domain('demo.test'))).toEqual({ uri: 'spiffe://demo.test', trustDomain: 'demo.test', path: '' });
});

test.each([
  ['', 'trust-domain-empty'],
  ['a'.repeat(256), 'trust-domain-too-long'],
  ['spiffe://demo.test', 'trust-domain-character'],
  ['demo.test/a', 'trust-domain-character'],
  ['DEMO.test', 'trust-domain-character'],
  ['demo.test\n', 'trust-domain-character'],
])('refuses the trust domain %j', (text, reason) => {
  expect(parseTrustDomain(text)).toEqual({ ok: false, reason });
});
