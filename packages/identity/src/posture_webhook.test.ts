import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPosture, parsePostureReport, supersedesPosture } from './posture_report.ts';
import { formatWebhookSignature, MAX_POSTURE_WEBHOOK_BYTES, verifyPostureWebhook } from './posture_webhook.ts';

const nowMs = Date.parse('2026-11-24T10:00:00Z');
const secret = Buffer.alloc(32, 7);
const other = Buffer.alloc(32, 8);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value));
const report = { deviceId: 'laptop-1', observedAt: '2026-11-24T09:59:00Z', compliant: true, managed: true };
const body = encode(report);
const signed = formatWebhookSignature(secret, nowMs, body);
const verify = (change: Partial<Parameters<typeof verifyPostureWebhook>[0]>) =>
  verifyPostureWebhook({ signature: signed, body, secrets: [secret], nowMs, ...change });

describe('nobody without the secret calls a device healthy', () => {
  test.each([
    ['unsigned', { signature: undefined }, 'webhook-unsigned'],
    ['empty signature', { signature: '' }, 'webhook-unsigned'],
    ['another secret', { signature: formatWebhookSignature(other, nowMs, body) }, 'webhook-signature'],
    ['another body', { body: encode({ ...report, deviceId: 'laptop-2' }) }, 'webhook-signature'],
    ['no secret configured', { secrets: [] }, 'webhook-signature'],
    ['time moved, same mac', { signature: signed.replace(/t=\d+/, `t=${nowMs / 1000 + 1}`) }, 'webhook-signature'],
    ['5 min 1 s old', { nowMs: nowMs + 301_000 }, 'webhook-stale'],
    ['5 min 1 s ahead', { nowMs: nowMs - 301_000 }, 'webhook-stale'],
    ['64 KiB + 1', { body: Buffer.alloc(MAX_POSTURE_WEBHOOK_BYTES + 1, 0x20) }, 'webhook-too-large'],
    ['short mac', { signature: signed.slice(0, -1) }, 'webhook-signature-malformed'],
    ['upper-case mac', { signature: signed.toUpperCase() }, 'webhook-signature-malformed'],
    ['no time', { signature: signed.slice(signed.indexOf('v1')) }, 'webhook-signature-malformed'],
    ['two times', { signature: `t=1,${signed}` }, 'webhook-signature-malformed'],
    ['a thousand macs', { signature: signed + `,v1=${'0'.repeat(64)}`.repeat(1000) }, 'webhook-signature-malformed'],
  ])('%s', (_, change, reason) => {
    expect(verify(change)).toMatchObject({ ok: false, reason });
  });

  test('a delivery exactly five minutes old still counts', () => {
    expect(verify({ nowMs: nowMs + 300_000 })).toMatchObject({ ok: true });
  });

  test('either secret serves while secrets roll over', () => {
    expect(verify({ secrets: [other, secret] })).toMatchObject({ ok: true, value: { deviceId: 'laptop-1' } });
    const both = `${signed},${formatWebhookSignature(other, nowMs, body).split(',')[1]}`;
    expect(verify({ signature: both, secrets: [other] })).toMatchObject({ ok: true });
  });

  test('the signature is plain HMAC-SHA-256 over "t.body", so that any source can make it', () => {
    const mac = createHmac('sha256', secret)
      .update(Buffer.concat([Buffer.from(`${nowMs / 1000}.`), body]))
      .digest('hex');
    expect(signed).toBe(`t=${nowMs / 1000},v1=${mac}`);
  });

  test('a secret too short to be one is a fault, not a signature', () => {
    expect(() => verify({ secrets: [Buffer.from('short')] })).toThrow(RangeError);
  });
});

describe('a report that is not plainly one leaves the posture as it was', () => {
  test.each([
    ['not JSON', Buffer.from('compliant'), 'posture-malformed'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'posture-malformed'],
    ['an array', encode([report]), 'posture-malformed'],
    ['null', encode(null), 'posture-malformed'],
    ['no device', encode({ ...report, deviceId: undefined }), 'posture-malformed'],
    ['empty device', encode({ ...report, deviceId: '' }), 'posture-malformed'],
    ['device with a line break', encode({ ...report, deviceId: 'a\nb' }), 'posture-malformed'],
    ['device of 257 characters', encode({ ...report, deviceId: 'a'.repeat(257) }), 'posture-malformed'],
    ['compliant as text', encode({ ...report, compliant: 'true' }), 'posture-malformed'],
    ['compliant as number', encode({ ...report, compliant: 1 }), 'posture-malformed'],
    ['compliant missing', encode({ ...report, compliant: undefined }), 'posture-malformed'],
    ['managed as text', encode({ ...report, managed: 'yes' }), 'posture-malformed'],
    ['platform as object', encode({ ...report, platform: {} }), 'posture-malformed'],
    ['diskEncrypted null', encode({ ...report, diskEncrypted: null }), 'posture-malformed'],
    ['time as number', encode({ ...report, observedAt: nowMs }), 'posture-malformed'],
    ['time without zone', encode({ ...report, observedAt: '2026-11-24T09:59:00' }), 'posture-malformed'],
    ['30 February', encode({ ...report, observedAt: '2026-02-30T09:59:00Z' }), 'posture-malformed'],
    ['hour 24', encode({ ...report, observedAt: '2026-02-20T24:00:00Z' }), 'posture-malformed'],
    ['61 s ahead', encode({ ...report, observedAt: '2026-11-24T10:01:01Z' }), 'posture-observed-in-future'],
  ])('%s', (_, bytes, reason) => {
    expect(parsePostureReport(bytes, nowMs)).toMatchObject({ ok: false, reason });
  });

  test('random bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => !parsePostureReport(bytes, nowMs).ok));
  });
});

describe('what a device was is never read as what it is', () => {
  const at = (observedAtMs: number, compliant: boolean) => ({ observedAtMs, compliant });
  test.each([
    ['first observation', at(10, true), undefined, true],
    ['newer', at(11, true), at(10, false), true],
    ['older', at(9, true), at(10, false), false],
    ['replayed', at(10, true), at(10, true), false],
    ['same instant, says less', at(10, false), at(10, true), true],
    ['same instant, says more', at(10, true), at(10, false), false],
  ])('%s', (_, next, current, expected) => {
    expect(supersedesPosture(next, current)).toBe(expected);
  });

  test('in whatever order deliveries come, the newest observation stands', () => {
    const observations = fc.array(fc.record({ observedAtMs: fc.nat(20), compliant: fc.boolean() }), { minLength: 1 });
    fc.assert(
      fc.property(observations, (deliveries) => {
        let current: { observedAtMs: number; compliant: boolean } | undefined;
        for (const next of deliveries) if (supersedesPosture(next, current)) current = next;
        const newestMs = Math.max(...deliveries.map((delivery) => delivery.observedAtMs));
        const newest = deliveries.filter((delivery) => delivery.observedAtMs === newestMs);
        expect(current).toEqual({ observedAtMs: newestMs, compliant: newest.every((delivery) => delivery.compliant) });
      }),
    );
  });

  test('a posture expires by the source bound after the observation, and is named by the configured source', () => {
    const parsed = parsePostureReport(encode({ ...report, source: 'trust-me', osVersion: '15.1', extra: 1 }), nowMs);
    expect(parsed.ok && createPosture(parsed.value, { name: 'fleet', maxAgeSeconds: 600 })).toEqual({
      kind: 'posture',
      subject: 'laptop-1',
      observedAtMs: nowMs - 60_000,
      expiresAtMs: nowMs - 60_000 + 600_000,
      source: 'fleet',
      compliant: true,
      managed: true,
      osVersion: '15.1',
    });
  });
});
