import { describe, expect, test } from 'vitest';
import { parseCertificateId } from './certificate_id.ts';
import { isFitForAcme, isKnownByAcme } from './entry.ts';
import { namesOfCsr, parseIdentifiers } from './identifiers.ts';
import { authorizationStatus, challengeStatus, statusOf } from './order.ts';
import { renderAcmeProblem } from './problems.ts';
import { renewalWindow } from './renewal.ts';
import { createAcmeUrls } from './urls.ts';

const dns = (...names: readonly unknown[]) => names.map((value) => ({ type: 'dns', value }));

test('identifiers come sorted, and spelled as certificates have them', () => {
  expect(parseIdentifiers(dns('b.test', 'a.test'))).toEqual({ ok: true, value: ['a.test', 'b.test'] });
});

test.each<[string, unknown, string]>([
  ['no list', { type: 'dns', value: 'a.test' }, 'identifiers-malformed'],
  ['an empty list', [], 'identifiers-malformed'],
  ['seventeen', dns(...Array.from({ length: 17 }, (_, i) => `n${i}.test`)), 'identifiers-malformed'],
  ['one twice', dns('a.test', 'a.test'), 'identifiers-malformed'],
  ['nothing', [null], 'identifiers-malformed'],
  ['a number', dns(1), 'identifiers-malformed'],
  ['an address', [{ type: 'ip', value: '10.0.0.1' }], 'identifier-type'],
  ['a wildcard', dns('*.a.test'), 'identifier-wildcard'],
  ['a wildcard within', dns('a.*.test'), 'identifier-syntax'],
  ['capitals', dns('A.test'), 'identifier-syntax'],
  ['a dot at the end', dns('a.test.'), 'identifier-syntax'],
  ['a SPIFFE ID', dns('spiffe://a.test/b'), 'identifier-syntax'],
  ['a port', dns('a.test:80'), 'identifier-syntax'],
  ['a line break', dns('a.test\r\nb'), 'identifier-syntax'],
  ['letters that are none of the host name', dns('ä.test'), 'identifier-syntax'],
  ['no text', dns(''), 'identifier-syntax'],
])('an order for %s is refused', (_, value, reason) => {
  expect(parseIdentifiers(value)).toMatchObject({ ok: false, reason });
});

const csr = { dnsNames: [], commonNames: [], uris: [], others: 0 } as const;

test('names of a request are those of its alternative names and its common name, each once', () => {
  expect(namesOfCsr({ ...csr, dnsNames: ['b.test', 'a.test'], commonNames: ['a.test'] })).toEqual({
    ok: true,
    value: ['a.test', 'b.test'],
  });
});

test.each<[string, Parameters<typeof namesOfCsr>[0]]>([
  ['nothing', csr],
  ['a mail address besides', { ...csr, dnsNames: ['a.test'], others: 1 }],
  ['a person as its common name', { ...csr, dnsNames: ['a.test'], commonNames: ['Ann Example'] }],
  ['a common name that cannot be read', { ...csr, dnsNames: ['a.test'], commonNames: [''] }],
  ['two SPIFFE IDs', { ...csr, dnsNames: ['a.test'], uris: ['spiffe://a/b', 'spiffe://a/c'] }],
  ['a wildcard', { ...csr, dnsNames: ['*.a.test'] }],
])('a request that names %s is refused', (_, asked) => {
  expect(namesOfCsr(asked)).toMatchObject({ ok: false, reason: 'csr-names' });
});

test('a certificate is found by the example of RFC 9773 4.1', () => {
  expect(parseCertificateId('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')).toEqual({
    issuerKeyId: '69885b6b87464041e1b37b847ba0ae2cde01c8d4',
    serial: '87654321',
  });
});

test.each([
  '',
  'a',
  'a.b.c',
  '.',
  'AA.',
  '.AA',
  'AA.AA=',
  'AA.A',
  'AB.AA',
  'AA.gA',
  'a/../b.AA',
  `AA.${'A'.repeat(65)}`,
])('and by nothing like %j', (text) => {
  expect(parseCertificateId(text)).toBeUndefined();
});

describe('when to renew', () => {
  const HOUR_MS = 3_600_000;
  const lives = { notBeforeMs: 0, notAfterMs: 4 * HOUR_MS, isRevoked: false };

  test('is the second quarter of a certificate’s life', () => {
    expect(renewalWindow(lives, 0)).toEqual({ startMs: HOUR_MS, endMs: 2 * HOUR_MS });
  });

  test('is past for one that is revoked: at once', () => {
    const { startMs, endMs } = renewalWindow({ ...lives, isRevoked: true }, HOUR_MS);
    expect(startMs < endMs && endMs < HOUR_MS).toBe(true);
  });
});

describe('which entries', () => {
  const entry = {
    spiffeId: 'spiffe://demo.test/web',
    parentId: 'spiffe://demo.test/postern/agent/n',
    dnsNames: ['a.test'],
  };

  test('have names to order, and one identity', () => {
    expect(isFitForAcme(entry)).toBe(true);
    expect(isFitForAcme({ ...entry, dnsNames: [] })).toBe(false);
    expect(isFitForAcme({ ...entry, spiffeId: 'spiffe://demo.test/ns/{k8s:ns}' })).toBe(false);
    expect(isFitForAcme({ ...entry, dnsNames: ['{k8s:sa}.a.test'] })).toBe(false);
  });

  test.each([
    ['spiffe://demo.test/postern/attestor/acme', true],
    ['spiffe://demo.test/postern/attestor/acme2', false],
    ['spiffe://demo.test/postern/attestor/acme/x', false],
    ['spiffe://other.test/postern/attestor/acme', false],
    ['spiffe://demo.test/postern/agent/acme', false],
    ['spiffe://demo.test/acme', false],
  ])('below %s hold an identity: %s', (parentId, isKnown) => {
    expect(isKnownByAcme({ ...entry, parentId })).toBe(isKnown);
  });
});

describe('an order', () => {
  const authorization = { name: 'a.test', token: 't', status: 'pending' } as const;
  const order = {
    ...{ id: 'o', accountId: 'a', names: ['a.test'], createdAtMs: 0, expiresAtMs: 1000 },
    authorizations: [authorization],
  };
  const shown = { ...order, authorizations: [{ ...authorization, status: 'valid' as const }] };

  test.each<[string, Parameters<typeof statusOf>[0], number, string]>([
    ['with a name that is not shown', order, 0, 'pending'],
    ['whose time is over', order, 1000, 'invalid'],
    ['with all names shown', shown, 0, 'ready'],
    ['with all names shown, too late', shown, 1000, 'invalid'],
    ['that is being finalized', { ...shown, finalizeAtMs: 0 }, 900, 'processing'],
    ['whose finalizing never ended', { ...shown, expiresAtMs: 1e9, finalizeAtMs: 0 }, 35_000, 'ready'],
    [
      'with one name shown of two',
      { ...shown, authorizations: [...shown.authorizations, authorization] },
      0,
      'pending',
    ],
    [
      'with a name that failed',
      { ...shown, authorizations: [...shown.authorizations, { ...authorization, status: 'invalid' }] },
      0,
      'invalid',
    ],
    [
      'with a name that was given up',
      { ...order, authorizations: [{ ...authorization, status: 'deactivated' }] },
      0,
      'invalid',
    ],
    ['with its certificate', { ...shown, certificate: 'pem' }, 2000, 'valid'],
    ['that was refused', { ...shown, error: { problem: 'unauthorized', detail: '' } }, 0, 'invalid'],
  ])('%s is so', (_, it, nowMs, status) => {
    expect(statusOf(it, nowMs)).toBe(status);
  });

  test('an authorization expires with it, and one that failed stays so', () => {
    expect(authorizationStatus(authorization, order, 1000)).toBe('expired');
    expect(authorizationStatus({ ...authorization, status: 'invalid' }, order, 1000)).toBe('invalid');
    expect(challengeStatus({ ...authorization, attemptAtMs: 0 }, 1000)).toBe('processing');
    expect(challengeStatus({ ...authorization, attemptAtMs: 0 }, 35_000)).toBe('pending');
    expect(challengeStatus({ ...authorization, status: 'deactivated' }, 0)).toBe('invalid');
  });
});

test('an account is known by its whole URL, and by nothing that only looks like it', () => {
  const urls = createAcmeUrls('https://ca.test');
  const id = '00000000-0000-7000-8000-000000000001';
  expect(urls.accountIdOf(urls.account(id))).toBe(id);
  for (const url of [
    id,
    `https://ca.test.evil/acme/account/${id}`,
    `${urls.account(id)}/`,
    `${urls.account(id)}?`,
    urls.account('..'),
  ])
    expect(urls.accountIdOf(url), url).toBeUndefined();
});

test('a problem is one of ACME’s, with its parts, and no member of it is overwritten', () => {
  const refusal = {
    problem: 'rejectedIdentifier',
    reason: 'secret',
    detail: 'd',
    members: { status: 200, type: 'x', more: 1 },
  } as const;
  expect(renderAcmeProblem({ ...refusal, subproblems: [{ problem: 'dns', detail: 'e', name: 'a.test' }] })).toEqual({
    ...{ type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'd', status: 400, more: 1 },
    subproblems: [
      { type: 'urn:ietf:params:acme:error:dns', detail: 'e', identifier: { type: 'dns', value: 'a.test' } },
    ],
  });
});
