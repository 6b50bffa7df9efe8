import { expect, test } from 'vitest';
import { renderHttpAnswer } from './http_answer.ts';

test('text goes as it is, and bytes that are text too', () => {
  const rendered = { statusCode: 200, headers: {}, body: '\ufeffé', isBase64Encoded: false };
  expect(renderHttpAnswer({ status: 200, headers: [], body: '\ufeffé' })).toEqual(rendered);
  expect(renderHttpAnswer({ status: 200, headers: [], body: Buffer.from('\ufeffé') })).toEqual(rendered);
});

test('bytes that are no text come out as they went in', () => {
  for (const body of [
    Uint8Array.of(0xff, 0),
    Uint8Array.of(0xed, 0xa0, 0x80),
    Uint8Array.from({ length: 256 }, (_, i) => i),
  ]) {
    const rendered = renderHttpAnswer({ status: 200, headers: [], body });
    expect(rendered.isBase64Encoded).toBe(true);
    expect(Buffer.from(rendered.body, 'base64')).toEqual(Buffer.from(body));
  }
});

test('no header is lost: repeated ones are joined, and every cookie is one of its own', () => {
  const headers = [
    ['Content-Type', 'text/plain'],
    ['vary', 'a'],
    ['Vary', 'b'],
    ['Set-Cookie', 'a=1, b'],
    ['set-cookie', 'c=2'],
  ] as const;
  expect(renderHttpAnswer({ status: 404, headers, body: '' })).toEqual({
    statusCode: 404,
    headers: { 'content-type': 'text/plain', vary: 'a, b' },
    cookies: ['a=1, b', 'c=2'],
    body: '',
    isBase64Encoded: false,
  });
});

test.each([
  ['a status below 200', { status: 101 }],
  ['a status that is none', { status: 600 }],
  ['a status in part', { status: 200.5 }],
  ['a line break in a value', { headers: [['location', '/a\r\nset-cookie: a=1']] as const }],
  ['a line break in a cookie', { headers: [['set-cookie', 'a=1\nb']] as const }],
  ['a name that is none', { headers: [['a b', 'x']] as const }],
])('%s is a fault, not an answer', (_what, members) => {
  expect(() => renderHttpAnswer({ status: 200, headers: [], body: '', ...members })).toThrow(TypeError);
});
