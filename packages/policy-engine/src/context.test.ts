import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CedarRecord, formatValue } from './cedar/index.ts';
import { contextOf, type RequestContext } from './context.ts';
import { isTimeZone, localTime } from './local_time.ts';

const NOW = Date.UTC(2026, 5, 7, 22, 30, 15);
const BARE: RequestContext = { nowMs: NOW, request: { method: 'GET', path: '/', host: 'a.test' }, network: {} };

function textOf(known: Partial<RequestContext>, name: string): string | undefined {
  const record: CedarRecord = contextOf({ ...BARE, ...known });
  const value = record.get(name);
  return value === undefined ? undefined : formatValue(value);
}

describe('what is not known is absent, never invented', () => {
  test('a bare request has only what every request has', () => {
    expect(contextOf(BARE).names().sort()).toEqual(['local', 'network', 'now', 'request']);
    expect(textOf({}, 'network')).toBe('{}');
  });

  test('a device without posture is neither compliant nor managed', () => {
    expect(textOf({ device: { id: 'd' } }, 'device')).toBe(
      '{id: "d", known: false, compliant: false, managed: false, posture: "unknown"}',
    );
  });

  test('a device that is not compliant is known', () => {
    const posture = { compliant: false, managed: true, observedAtMs: 0 };
    expect(textOf({ device: { id: 'd', posture } }, 'device')).toContain(
      'known: true, compliant: false, managed: true, posture: "non-compliant"',
    );
  });
});

test('policies see one text for two spellings of a path, so that neither slips past a forbid', () => {
  const paths = ['/a@b/x', '/a%40b/x'].map((path) => textOf({ request: { ...BARE.request, path } }, 'request'));
  expect(paths[0]).toContain('path: "/a@b/x"');
  expect(paths[1]).toBe(paths[0]);
});

test('the age of a sign-in counts whole seconds and is never negative', () => {
  const age = (timeMs: number) => textOf({ auth: { timeMs, amr: ['pwd', 'pwd'] } }, 'auth');
  expect(age(NOW - 3_600_999)).toContain('ageSeconds: 3600');
  expect(age(NOW - 3_601_000)).toContain('ageSeconds: 3601');
  expect(age(NOW + 30_000)).toContain('ageSeconds: 0');
  expect(age(NOW)).toContain('amr: ["pwd"]');
});

test('what is malformed is a fault, since leaving it out could open what a forbid on it closes', () => {
  expect(() => contextOf({ ...BARE, network: { sourceIp: '10.0.0.1:80' } })).toThrow(TypeError);
  expect(() => contextOf({ ...BARE, timeZone: 'Mars/Olympus' })).toThrow();
  const workload = { spiffeId: 'https://a.test/x', assurance: 'certificate' as const, notAfterMs: NOW };
  expect(() => contextOf({ ...BARE, workload })).toThrow(TypeError);
});

describe('local time', () => {
  test.each([
    ['UTC', { hour: 22, weekday: 7, minuteOfDay: 1350 }],
    ['Europe/Berlin', { hour: 0, weekday: 1, minuteOfDay: 30 }],
    ['Asia/Kathmandu', { hour: 4, weekday: 1, minuteOfDay: 255 }],
    ['America/New_York', { hour: 18, weekday: 7, minuteOfDay: 1110 }],
    ['Etc/GMT+12', { hour: 10, weekday: 7, minuteOfDay: 630 }],
  ])('%s', (zone, local) => expect(localTime(NOW, zone)).toEqual(local));

  test('the night in which the clock is put back has two hours of the same number', () => {
    const before = Date.UTC(2026, 9, 25, 0, 30);
    expect([0, 1, 2].map((hours) => localTime(before + hours * 3_600_000, 'Europe/Berlin').hour)).toEqual([2, 2, 3]);
  });

  test('agrees with the plain arithmetic of UTC at any time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (nowMs) => {
        const date = new Date(nowMs);
        const weekday = date.getUTCDay() === 0 ? 7 : date.getUTCDay();
        const minuteOfDay = date.getUTCHours() * 60 + date.getUTCMinutes();
        expect(localTime(nowMs)).toEqual({ hour: date.getUTCHours(), weekday, minuteOfDay });
      }),
    );
  });

  test('only names that this machine knows are time zones', () => {
    expect(['UTC', 'Europe/Berlin', 'Mars/Olympus', '', '../etc'].map(isTimeZone)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
