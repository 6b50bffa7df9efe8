import { describe, expect, test } from 'vitest';
import { parseDatetime, parseDuration } from './datetime.ts';
import { decimalOf, formatDecimal } from './decimal.ts';
import { formatIp, ipOf, isInRange, isLoopback, isMulticast } from './ipaddr.ts';

/** The reason of a refusal, or the value that was read. */
function read(result: { ok: true; value: unknown } | { ok: false; reason: string }): unknown {
  return result.ok ? result.value : result.reason;
}

describe('decimal', () => {
  test.each([
    ['1.0', 10_000],
    ['1.00', 10_000],
    ['-0.5', -5000],
    ['00012.3456', 123_456],
    ['922337203685477.5807', 9223372036854775807n],
    ['-922337203685477.5808', -9223372036854775808n],
  ])('reads %s exactly', (text, tenThousandths) => {
    expect(read(decimalOf(text))).toEqual({ kind: 'decimal', tenThousandths });
  });

  test.each([
    ['922337203685477.5808', 'decimal-out-of-range'],
    ['-922337203685477.5809', 'decimal-out-of-range'],
    ['1.00000', 'decimal-malformed'],
    ['1', 'decimal-malformed'],
    ['1.', 'decimal-malformed'],
    ['.5', 'decimal-malformed'],
    ['+1.0', 'decimal-malformed'],
    ['1e3.0', 'decimal-malformed'],
    ['٣.0', 'decimal-malformed'],
    ['1.0\n', 'decimal-malformed'],
    [`${'9'.repeat(100_000)}.0`, 'decimal-malformed'],
  ])('does not guess what %.24s means', (text, reason) => {
    expect(read(decimalOf(text))).toBe(reason);
  });

  test('formats to text that reads back as the same value', () => {
    for (const text of ['0.0000', '-0.0001', '12.3400', '-922337203685477.5808']) {
      const value = decimalOf(text);
      expect(value.ok && formatDecimal(value.value)).toBe(text);
    }
  });
});

describe('ipaddr', () => {
  const ip = (text: string) => {
    const result = ipOf(text);
    if (!result.ok) throw new Error(result.reason);
    return result.value;
  };

  test.each([
    ['10.0.0.1/8', '10.0.0.1/8'],
    ['0.0.0.0', '0.0.0.0/32'],
    ['255.255.255.255/0', '255.255.255.255/0'],
    ['::', '0:0:0:0:0:0:0:0/128'],
    ['::1', '0:0:0:0:0:0:0:1/128'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0/128'],
    ['2001:DB8::00ff/32', '2001:db8:0:0:0:0:0:ff/32'],
  ])('reads %s', (text, formatted) => {
    expect(formatIp(ip(text))).toBe(formatted);
    expect(ip(formatted)).toEqual(ip(text));
  });

  test.each([
    ['::ffff:10.0.0.1', 'ip-malformed'],
    ['010.0.0.1', 'ip-malformed'],
    ['00.0.0.1', 'ip-malformed'],
    ['10.0.0', 'ip-malformed'],
    ['10.0.0.0.0', 'ip-malformed'],
    ['256.0.0.1', 'ip-malformed'],
    ['10..0.1', 'ip-malformed'],
    ['', 'ip-malformed'],
    [' 10.0.0.1', 'ip-malformed'],
    ['0x0a.0.0.1', 'ip-malformed'],
    ['1::2::3', 'ip-malformed'],
    ['1:2:3:4:5:6:7', 'ip-malformed'],
    ['1:2:3:4:5:6:7:8::', 'ip-malformed'],
    [':1:2:3:4:5:6:7', 'ip-malformed'],
    ['12345::', 'ip-malformed'],
    ['fe80::1%eth0', 'ip-malformed'],
    [`::1/${'0'.repeat(50)}`, 'ip-malformed'],
    ['10.0.0.0/33', 'ip-prefix-malformed'],
    ['10.0.0.0/08', 'ip-prefix-malformed'],
    ['10.0.0.0/+8', 'ip-prefix-malformed'],
    ['10.0.0.0/', 'ip-prefix-malformed'],
    ['10.0.0.0/8/8', 'ip-prefix-malformed'],
    ['::/129', 'ip-prefix-malformed'],
  ])('does not read %s as some address', (text, reason) => {
    expect(read(ipOf(text))).toBe(reason);
  });

  test.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.0.0.0/8', true],
    ['10.0.0.0/7', '10.0.0.0/8', false],
    ['11.0.0.0', '10.0.0.0/8', false],
    ['9.255.255.255', '10.0.0.0/8', false],
    ['255.255.255.255', '0.0.0.0/0', true],
    ['::a00:1', '10.0.0.0/8', false],
    ['10.0.0.1', '::/0', false],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
  ])('%s in range %s is %s', (inner, outer, expected) => {
    expect(isInRange(ip(inner), ip(outer))).toBe(expected);
  });

  test('a range counts as loopback or multicast only when all of it is', () => {
    expect(['127.0.0.0/8', '127.9.9.9', '::1'].map((text) => isLoopback(ip(text)))).toEqual([true, true, true]);
    expect(['127.0.0.0/7', '128.0.0.1', '::1/127', '::2'].some((text) => isLoopback(ip(text)))).toBe(false);
    expect(['224.0.0.0/4', '239.1.1.1', 'ff00::/8'].map((text) => isMulticast(ip(text)))).toEqual([true, true, true]);
    expect(['224.0.0.0/3', '240.0.0.0', 'ff00::/7', 'fe00::'].some((text) => isMulticast(ip(text)))).toBe(false);
  });
});

describe('datetime', () => {
  test.each([
    ['1970-01-01', 0],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['1969-12-31T23:59:59.999Z', -1],
    ['0000-01-01', -62_167_219_200_000],
    ['0000-01-01T00:00:00+2359', -62_167_219_200_000 - (24 * 60 - 1) * 60_000],
    ['0099-03-01', Date.parse('0099-03-01T00:00:00Z')],
    ['9999-12-31T23:59:59.999Z', Date.parse('9999-12-31T23:59:59.999Z')],
    ['2024-10-15T11:35:00Z', Date.parse('2024-10-15T11:35:00Z')],
    ['2024-10-15T11:35:00.250-0730', Date.parse('2024-10-15T11:35:00.250-07:30')],
  ])('reads %s', (text, epochMs) => {
    expect(read(parseDatetime(text))).toEqual({ kind: 'datetime', epochMs });
  });

  test.each([
    ['2024-02-30', 'datetime-impossible'],
    ['2023-02-29', 'datetime-impossible'],
    ['1900-02-29', 'datetime-impossible'],
    ['2024-00-01', 'datetime-impossible'],
    ['2024-04-31', 'datetime-impossible'],
    ['2024-01-01T24:00:00Z', 'datetime-impossible'],
    ['2016-12-31T23:59:60Z', 'datetime-impossible'],
    ['2024-01-01T00:00:00+2400', 'datetime-impossible'],
    ['2024-01-01T00:00:00+0060', 'datetime-impossible'],
    ['2024-01-01T00:00:00', 'datetime-malformed'],
    ['2024-01-01T00:00:00+02:00', 'datetime-malformed'],
    ['2024-01-01T00:00Z', 'datetime-malformed'],
    ['2024-01-01T00:00:00.1Z', 'datetime-malformed'],
    ['2024-01-01 00:00:00Z', 'datetime-malformed'],
    ['24-01-01', 'datetime-malformed'],
    ['2024-01-01Z', 'datetime-malformed'],
    ['2024-01-01\n', 'datetime-malformed'],
  ])('refuses %s', (text, reason) => {
    expect(read(parseDatetime(text))).toBe(reason);
  });

  test('agrees with the platform on every day of four centuries', () => {
    for (let day = -160_000; day < -10_000; day += 7) {
      const text = new Date(day * 86_400_000).toISOString().slice(0, 10);
      expect(read(parseDatetime(text))).toEqual({ kind: 'datetime', epochMs: day * 86_400_000 });
    }
  });
});

describe('duration', () => {
  test.each([
    ['1d2h3m4s5ms', 93_784_005],
    ['-26h', -93_600_000],
    ['0001s', 1000],
    ['1m1ms', 60_001],
    ['9223372036854775807ms', 9223372036854775807n],
    ['-9223372036854775808ms', -9223372036854775808n],
    ['-106751991167d7h12m55s808ms', -9223372036854775808n],
  ])('reads %s', (text, ms) => {
    expect(read(parseDuration(text))).toEqual({ kind: 'duration', ms });
  });

  test.each([
    ['', 'duration-malformed'],
    ['-', 'duration-malformed'],
    ['1h1d', 'duration-malformed'],
    ['1h1h', 'duration-malformed'],
    ['1.5h', 'duration-malformed'],
    ['+1h', 'duration-malformed'],
    ['1', 'duration-malformed'],
    ['1h ', 'duration-malformed'],
    ['9223372036854775808ms', 'duration-out-of-range'],
    ['106751991168d', 'duration-out-of-range'],
    ['-106751991167d7h12m55s809ms', 'duration-out-of-range'],
  ])('refuses %s', (text, reason) => {
    expect(read(parseDuration(text))).toBe(reason);
  });
});
