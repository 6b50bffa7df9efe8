import { expect, test } from 'vitest';
import { parseClientAddress } from './client_address.ts';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:c000:207', '192.0.2.7'],
  ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8:0:1:0:0:0:0', '2001:db8:0:1::'],
  ['::', '::'],
  ['::1', '::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['1:0:3:0:5:6:7:8', '1:0:3:0:5:6:7:8'],
])('a range rule cannot be missed by spelling %s another way', (text, canonical) => {
  expect(parseClientAddress(text)).toEqual({ ok: true, value: canonical });
});

test.each([
  '',
  '-',
  'localhost',
  '192.0.2.7:80',
  '192.0.2.256',
  '0x7f.1',
  '010.0.0.1',
  '[::1]',
  '::1::',
  '1:2:3:4:5:6:7:8:9',
  '10.0.0.1, 192.0.2.7',
  `::1%${'z'.repeat(80)}`,
])('what is not one address, such as `%s`, is never taken for a place', (text) => {
  expect(parseClientAddress(text)).toMatchObject({ ok: false, reason: 'client-address-malformed' });
});
