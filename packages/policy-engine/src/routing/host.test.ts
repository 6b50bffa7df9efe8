import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HostReason, parseHost } from './host.ts';

describe('hosts in one spelling', () => {
  const accepted: [authority: string, name: string, port?: number][] = [
    ['payments.demo.test', 'payments.demo.test'],
    ['PAYMENTS.Demo.Test', 'payments.demo.test'],
    ['payments.demo.test.', 'payments.demo.test'],
    ['payments.demo.test:8443', 'payments.demo.test', 8443],
    ['Payments.demo.test.:443', 'payments.demo.test', 443],
    ['localhost', 'localhost'],
    ['xn--bcher-kva.test', 'xn--bcher-kva.test'],
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['[::1]', '[::1]'],
    ['[0:0:0:0:0:0:0:1]:8443', '[::1]', 8443],
    ['[2001:DB8::1:0:0:1]', '[2001:db8::1:0:0:1]'],
    ['[2001:db8:0:0:1:0:0:1]', '[2001:db8::1:0:0:1]'],
    ['[2001:db8:0:1:1:1:1:1]', '[2001:db8:0:1:1:1:1:1]'],
    ['[::]', '[::]'],
    ['[fe80::]', '[fe80::]'],
  ];
  test.each(accepted)('%s', (authority, name, port) => {
    expect(parseHost(authority)).toEqual({ ok: true, value: port === undefined ? { name } : { name, port } });
  });

  const refused: [authority: string, reason: HostReason][] = [
    ['', 'host-empty'],
    ['.', 'host-empty'],
    [':443', 'host-empty'],
    ['a..', 'host-name-malformed'],
    ['user@payments.demo.test', 'host-userinfo'],
    ['payments.demo.test@evil.test', 'host-userinfo'],
    ['bücher.test', 'host-not-ascii'],
    ['payments.demo.test\u3002', 'host-not-ascii'],
    ['p%61yments.demo.test', 'host-name-malformed'],
    ['payments .demo.test', 'host-name-malformed'],
    ['payments.demo.test/', 'host-name-malformed'],
    ['payments_demo.test', 'host-name-malformed'],
    ['-a.test', 'host-name-malformed'],
    ['a-.test', 'host-name-malformed'],
    [`${'a'.repeat(64)}.test`, 'host-name-malformed'],
    [`${'a.'.repeat(127)}a`, 'host-too-long'],
    ['a'.repeat(271), 'host-too-long'],
    ['payments.demo.test,evil.test', 'host-name-malformed'],
    ['payments.demo.test:', 'host-port-malformed'],
    ['payments.demo.test:443:443', 'host-port-malformed'],
    ['payments.demo.test:0443', 'host-port-malformed'],
    ['payments.demo.test:65536', 'host-port-malformed'],
    ['payments.demo.test:https', 'host-port-malformed'],
    ['127.1', 'host-ip-malformed'],
    ['2130706433', 'host-ip-malformed'],
    ['0x7f.1', 'host-ip-malformed'],
    ['127.0.0.0x1', 'host-ip-malformed'],
    ['127.0.0.01', 'host-ip-malformed'],
    ['256.0.0.1', 'host-ip-malformed'],
    ['::1', 'host-empty'],
    ['[::1', 'host-ip-malformed'],
    ['[::1%25eth0]', 'host-ip-malformed'],
    ['[::ffff:127.0.0.1]', 'host-ip-malformed'],
    ['[1::2::3]', 'host-ip-malformed'],
    ['[1:2:3:4:5:6:7:8:9]', 'host-ip-malformed'],
    ['[::1]evil.test', 'host-port-malformed'],
  ];
  test.each(refused)('%j: %s', (authority, reason) => {
    expect(parseHost(authority)).toMatchObject({ ok: false, reason });
  });

  test('a name once read is read again as itself, so that a service cannot list an unreachable host', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'B', '1', '.', '-', ':', '[', ']', '0x', '::'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.domain(),
          fc.ipV4(),
          fc.ipV6().map((ip) => `[${ip}]`),
        ),
        (authority) => {
          const host = parseHost(authority);
          if (host.ok) expect(parseHost(host.value.name)).toEqual({ ok: true, value: { name: host.value.name } });
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('IPv6 addresses get the spelling of the URL standard', () => {
    fc.assert(
      fc.property(fc.ipV6(), (ip) => {
        const host = parseHost(`[${ip}]`);
        if (host.ok) expect(host.value.name).toBe(new URL(`http://[${ip}]/`).hostname);
      }),
    );
  });
});
