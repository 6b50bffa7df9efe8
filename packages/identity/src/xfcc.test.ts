import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_XFCC_LENGTH, parseForwardedClientCert } from './xfcc.ts';

const hash = 'ab'.repeat(32);
const cert = encodeURIComponent('-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n');

describe('the one element of a sanitising listener is read whole', () => {
  test('as Envoy 1.40 writes it with every detail switched on', () => {
    const header =
      `By=spiffe://demo.test/payments;Hash=${hash};Cert="${cert}";Chain="${cert}";` +
      'Subject="CN=a\\,b,O=\\"x\\;URI=spiffe://demo.test/admin\\"";URI=spiffe://demo.test/storefront;DNS=a.test;DNS=b.test';
    expect(parseForwardedClientCert(header)).toEqual({
      ok: true,
      value: {
        by: ['spiffe://demo.test/payments'],
        hash,
        certificate: Buffer.from([1, 2, 3]),
        subject: 'CN=a,b,O="x;URI=spiffe://demo.test/admin"',
        uris: ['spiffe://demo.test/storefront'],
        dns: ['a.test', 'b.test'],
      },
    });
  });

  test('keys count in either case, and empty values as empty', () => {
    expect(parseForwardedClientCert(`by=;HASH=${hash.toUpperCase()};Subject="";uri=`)).toEqual({
      ok: true,
      value: { by: [''], hash, subject: '', uris: [''], dns: [] },
    });
  });

  test('two URI SANs are both seen, so that nobody takes the first for the only one', () => {
    const parsed = parseForwardedClientCert('URI=https://x.test/a;URI=spiffe://demo.test/admin');
    expect(parsed).toMatchObject({ value: { uris: ['https://x.test/a', 'spiffe://demo.test/admin'] } });
  });
});

/** Recorded from Envoy 1.40.0 (SANITIZE_SET, all details) for certificates with such names; the hash is cut. */
describe('a SAN that Envoy passes on unquoted adds no name', () => {
  const before = `By=spiffe://demo.test/payments;Hash=${hash};Cert="${cert}";Chain="${cert}${cert}";Subject="CN=leaf,O=Postern"`;
  test.each([
    ['a URI with a second URI in it', 'URI=spiffe://demo.test/a;URI=spiffe://demo.test/admin', 2],
    ['a DNS name that looks like an ID', 'URI=;DNS=spiffe://demo.test/storefront', 1],
    ['a URI with an element in it', 'URI=https://x.test/a,By=x;URI=spiffe://demo.test/admin', 'xfcc-several-elements'],
    ['a URI with a quote in it', 'URI=urn:a",By=x', 'xfcc-malformed'],
    ['a DNS name with a URI in it', 'URI=;DNS=a;URI=spiffe://demo.test/admin', 'xfcc-malformed'],
    [
      'a DNS name with a URI in it, from a listener without URIs',
      'DNS=a;URI=spiffe://demo.test/admin',
      'xfcc-malformed',
    ],
    ['a DNS name with a certificate in it', `DNS=a;Cert="${cert}"`, 'xfcc-malformed'],
  ])('%s', (_, sans, expected) => {
    const parsed = parseForwardedClientCert(`${before};${sans}`);
    expect(parsed.ok ? parsed.value.uris.length : parsed.reason).toBe(expected);
  });
});

describe('a client never speaks through the header', () => {
  test.each([
    [
      'its element before the proxy’s',
      `URI=spiffe://demo.test/admin,By=x;URI=spiffe://demo.test/a`,
      'xfcc-several-elements',
    ],
    ['its element behind', `URI=spiffe://demo.test/a,URI=spiffe://demo.test/admin`, 'xfcc-several-elements'],
    ['an empty second element', `URI=spiffe://demo.test/a,`, 'xfcc-several-elements'],
    ['a comma inside a plain value', `URI=spiffe://demo.test/a,b;Hash=${hash}`, 'xfcc-several-elements'],
    ['a comma before the first key', `,URI=spiffe://demo.test/a`, 'xfcc-several-elements'],
    ['a quote that ends early', 'Subject="CN=a";URI=x"', 'xfcc-malformed'],
    ['a quote that never ends', 'Subject="CN=a;URI=spiffe://demo.test/admin', 'xfcc-malformed'],
    ['a backslash at the end', 'Subject="CN=a\\', 'xfcc-malformed'],
    ['text after a quoted value', 'Subject="CN=a"x;URI=spiffe://demo.test/a', 'xfcc-malformed'],
    ['nothing', '', 'xfcc-malformed'],
    ['a key without value', 'URI', 'xfcc-malformed'],
    ['a trailing semicolon', 'URI=spiffe://demo.test/a;', 'xfcc-malformed'],
    ['a space around the key', ' URI=spiffe://demo.test/a', 'xfcc-malformed'],
    ['a control character', 'URI=spiffe://demo.test/a\t', 'xfcc-malformed'],
    ['an unknown key', 'Role=admin', 'xfcc-key-unknown'],
    ['a second hash', `Hash=${hash};Hash=${hash}`, 'xfcc-key-duplicate'],
    ['a second subject', 'Subject="a";Subject="b"', 'xfcc-key-duplicate'],
    ['a second certificate', `Cert="${cert}";Cert="${cert}"`, 'xfcc-key-duplicate'],
    ['a short hash', 'Hash=abcd', 'xfcc-malformed'],
    ['a certificate that is none', 'Cert="abc"', 'xfcc-certificate'],
    ['two certificates in one', `Cert="${cert}${cert}"`, 'xfcc-certificate'],
    ['65 names', 'DNS=a'.concat(';DNS=a'.repeat(64)), 'xfcc-malformed'],
    ['32 KiB + 1', `URI=${'a'.repeat(MAX_XFCC_LENGTH - 3)}`, 'xfcc-too-large'],
  ])('%s', (_, header, reason) => {
    expect(parseForwardedClientCert(header)).toMatchObject({ ok: false, reason });
  });

  test('whatever a subject holds, quoted as RFC 2253 has it, it adds neither a name nor an element', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (subject) => {
        const quoted = subject.replace(/[\\"]/g, (character) => `\\${character}`);
        const parsed = parseForwardedClientCert(`Subject="${quoted}";URI=spiffe://demo.test/a`);
        expect(parsed).toMatchObject({ ok: true, value: { subject, uris: ['spiffe://demo.test/a'] } });
      }),
    );
  });
});
