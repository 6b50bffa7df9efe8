import type { AuditRecord } from '@postern/audit';
import { expect, test } from 'vitest';
import { summaryOf } from './record_text.ts';

const decision = (members: object) =>
  summaryOf({
    kind: 'decision',
    outcome: 'deny',
    reason: 'path-dot-segment',
    service: 'payments',
    method: 'POST',
    parties: [],
    observed: false,
    ...members,
  } as unknown as AuditRecord);

test('a caller whom nobody has looked at yet is not reported as anonymous', () => {
  expect(decision({})).toContain('caller not established');
  expect(decision({ parties: [{ kind: 'anonymous-workload' }] })).toContain('anonymous');
  expect(decision({ workload: { spiffeId: 'spiffe://demo.test/a' } })).toContain(': spiffe://demo.test/a');
});

test('a check that could not be read points at nothing, and one that could at what is known of it', () => {
  const unread = decision({ reason: 'header-missing', service: '', method: '' });
  expect(unread).toBe('deny header-missing: caller not established');
  expect(decision({ path: undefined })).toMatch(/ → payments POST$/);
  expect(decision({ path: '/refunds', observed: true })).toMatch(
    / → payments POST \/refunds \(let through: observe\)$/,
  );
});

test('a server’s certificate is told from an SVID, and what an ACME account did says whose it is', () => {
  const issued = { kind: 'issuance-complete', spiffeId: 'spiffe://demo.test/web', serial: '40', dnsNames: ['a.test'] };
  expect(summaryOf(issued as unknown as AuditRecord)).toBe('spiffe://demo.test/web serial 40');
  expect(summaryOf({ ...issued, isServer: true } as unknown as AuditRecord)).toBe(
    'server a.test of spiffe://demo.test/web serial 40',
  );
  const challenge = { kind: 'acme-challenge', event: 'invalid', accountId: 'A', entryId: 'E', dnsNames: ['a.test'] };
  expect(summaryOf({ ...challenge, reason: 'challenge-dns' } as unknown as AuditRecord)).toBe(
    'invalid a.test by account A of entry E: challenge-dns',
  );
});
