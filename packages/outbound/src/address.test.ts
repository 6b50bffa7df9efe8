import { describe, expect, test } from 'vitest';
import { createAddressRule, parseAddressRange } from './address.ts';

const rangeOf = (text: string) => {
  const range = parseAddressRange(text);
  if (!range.ok) throw new Error(text);
  return range.value;
};

describe('without an operator’s word nobody is sent', () => {
  const isAllowed = createAddressRule([]);
  test.each([
    ['to this machine', ['127.0.0.1', '127.255.255.255', '0.0.0.0', '::1', '::']],
    ['to private networks', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fdff::1']],
    ['to a cloud’s metadata, or another link-local', ['169.254.169.254', '169.254.170.2', 'fe80::1', 'fd00:ec2::254']],
    ['to a carrier’s network', ['100.64.0.1', '100.127.255.255']],
    ['to many at once', ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1']],
    ['to what is reserved', ['240.0.0.1', '192.0.0.1', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.9']],
    ['to IPv4 in another spelling', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '::127.0.0.1']],
    ['through a translator', ['64:ff9b::7f00:1', '2002:7f00:1::', '2001:0:1::1']],
    ['to an address with a zone', ['fe80::1%eth0', '2a00::1%lo']],
    ['to what is no address', ['', 'localhost', '2130706433', '0x7f.1', '127.1', '1.2.3', '[::1]']],
  ])('%s', (_, addresses) => {
    for (const address of addresses) expect(isAllowed(address), address).toBe(false);
  });

  test('but to the public internet, up to its borders', () => {
    const near = ['9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0'];
    const others = ['172.15.255.255', '172.32.0.0', '192.167.255.255', '192.169.0.0', '223.255.255.255'];
    for (const address of [...near, ...others, '2a00:1450::1', '2606:4700::1111'])
      expect(isAllowed(address), address).toBe(true);
  });
});

describe('an operator’s range', () => {
  test('is allowed, and what is beside it is not', () => {
    const isAllowed = createAddressRule(['10.1.0.0/16', 'fd00:1::/32', '::1/128'].map(rangeOf));
    for (const address of ['10.1.0.0', '10.1.255.255', 'fd00:1::7', '::1', '8.8.8.8'])
      expect(isAllowed(address), address).toBe(true);
    for (const address of ['10.0.255.255', '10.2.0.0', 'fd00:2::', '127.0.0.1']) expect(isAllowed(address)).toBe(false);
  });

  test('does not allow its addresses mapped to IPv6', () => {
    const isAllowed = createAddressRule(['127.0.0.0/8'].map(rangeOf));
    expect(isAllowed('127.0.0.1')).toBe(true);
    expect(isAllowed('::ffff:127.0.0.1')).toBe(false);
    expect(createAddressRule([rangeOf('::/0')])('::ffff:127.0.0.1')).toBe(false);
  });

  test.each(['', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '::/129', '10.0.0/8', 'localhost/8', '10.0.0.0/8 ', '/8'])(
    '`%s` is none',
    (text) => expect(parseAddressRange(text)).toMatchObject({ ok: false, reason: 'address-range' }),
  );
});
