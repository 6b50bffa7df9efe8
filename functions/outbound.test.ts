import { describe, expect, test } from 'vitest';
import { addressRuleAfter, addressRuleOf, parseOutboundRanges } from './outbound.ts';

const VPC = parseOutboundRanges('10.1.0.0/16, fd00:1::/48');
const places = { outboundRanges: VPC ?? [] };
const WEB = new URL('https://idp.demo.test/');

test('a private network is asked where an operator allows it, and no other', () => {
  const rule = addressRuleOf(places, WEB);
  for (const address of ['10.1.2.3', 'fd00:1::9', '8.8.8.8']) expect(rule(address)).toBe(true);
  for (const address of ['10.2.0.1', 'fd00:2::1', '127.0.0.1', '169.254.169.254']) expect(rule(address)).toBe(false);
});

test('whoever answers from the internet leads nobody into it', () => {
  const rule = addressRuleOf(places, WEB);
  expect(addressRuleAfter(rule, '8.8.8.8')('10.1.2.3')).toBe(false);
  expect(addressRuleAfter(rule, '8.8.8.8')('1.1.1.1')).toBe(true);
  // Nor does a second answer from within the chain give it back.
  expect(addressRuleAfter(addressRuleAfter(rule, '8.8.8.8'), '1.1.1.1')('10.1.2.3')).toBe(false);
  expect(addressRuleAfter(rule, '10.1.2.3')('10.1.9.9')).toBe(true);
});

describe('this machine', () => {
  const local = { allowLoopback: true };
  test.each(['http://127.0.0.1:1/', 'https://localhost/', 'http://[::1]/'])('is asked for %s', (url) => {
    const rule = addressRuleOf(local, new URL(url));
    for (const address of ['127.0.0.1', '127.9.9.9', '::1']) expect(rule(address)).toBe(true);
    expect(rule('10.0.0.1')).toBe(false);
  });
  test.each([
    'https://idp.demo.test/',
    'https://127.0.0.1.evil.test/',
    'https://127.0.0.2/',
    'https://localhost.evil.test/',
  ])('is not asked for %s, whatever that name means', (url) =>
    expect(addressRuleOf(local, new URL(url))('127.0.0.1')).toBe(false),
  );
  test('is not asked where development does not say so', () => {
    expect(addressRuleOf({}, new URL('https://127.0.0.1/'))('127.0.0.1')).toBe(false);
  });
});

test.each(['10.1.0.0', '10.1.0.0/33', 'vpc', '10.1.0.0/16;10.2.0.0/16', '10.1.0.0/16 10.2.0.0/16'])(
  '`%s` is refused whole',
  (text) => expect(parseOutboundRanges(text)).toBeUndefined(),
);
test('nothing is no range', () => expect(parseOutboundRanges('')).toEqual([]));
