import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_URL_ENCODED_PEM_LENGTH, parseUrlEncodedCertificate } from './url_encoded_pem.ts';

const der = Buffer.from(Array.from({ length: 400 }, (_, index) => (index * 7) & 0xff));
const pem = (bytes: Uint8Array, label = 'CERTIFICATE') =>
  `-----BEGIN ${label}-----\n${Buffer.from(bytes)
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')}\n-----END ${label}-----\n`;
/** Envoy escapes everything but unreserved characters. */
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

test.each([
  ['as Envoy writes it', encode(pem(der))],
  ['not encoded', pem(der)],
  ['with carriage returns', encode(pem(der).replaceAll('\n', '\r\n'))],
  ['without the last line break', encode(pem(der).trimEnd())],
])('a certificate %s is read byte for byte', (_, text) => {
  expect(parseUrlEncodedCertificate(text)).toEqual({ ok: true, value: der });
});

describe('nothing but exactly one certificate is taken for one', () => {
  test.each([
    ['nothing', ''],
    ['a dash', '-'],
    ['two certificates', encode(pem(der) + pem(der))],
    ['text before', encode(`x\n${pem(der)}`)],
    ['text after', encode(`${pem(der)}x`)],
    ['a key', encode(pem(der, 'PRIVATE KEY'))],
    ['another label behind', encode(pem(der) + pem(der, 'PRIVATE KEY'))],
    ['no end', encode(pem(der).slice(0, 300))],
    ['a truncated escape', `${encode(pem(der))}%2`],
    ['an overlong escape', encode(pem(der)).replace('%0A', '%C0%8A')],
    ['base64 with a blank', encode(pem(der).replace(/A/, ' '))],
    ['base64url', encode(pem(Buffer.alloc(60, 0xff)).replaceAll('/', '_'))],
    ['missing padding', encode(pem(der).replace('=', ''))],
    ['stray bits', encode(pem(Buffer.from([1])).replace('AQ==', 'AR=='))],
    ['an empty block', encode('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n')],
  ])('%s', (_, text) => {
    expect(parseUrlEncodedCertificate(text)).toMatchObject({ ok: false, reason: 'peer-certificate-malformed' });
  });

  test('what is larger than any certificate is not read at all', () => {
    expect(parseUrlEncodedCertificate('A'.repeat(MAX_URL_ENCODED_PEM_LENGTH + 1))).toMatchObject({
      reason: 'peer-certificate-too-large',
    });
  });

  test('any text is refused or read, in bounded time', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 200 }),
        (noise) => !parseUrlEncodedCertificate(pem(der) + noise + pem(der)).ok,
      ),
    );
    const startedMs = performance.now();
    parseUrlEncodedCertificate(`-----BEGIN CERTIFICATE-----\n${'A'.repeat(MAX_URL_ENCODED_PEM_LENGTH - 40)}`);
    parseUrlEncodedCertificate(`-----BEGIN CERTIFICATE-----\n${'A\n'.repeat(8000)}`);
    expect(performance.now() - startedMs).toBeLessThan(100);
  });
});
