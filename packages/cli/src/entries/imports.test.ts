import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importCertManager } from './cert_manager_entries.ts';
import { renderEntryFile } from './imported_entries.ts';
import { collectParent, type ParentMap, parentOf } from './parent_map.ts';
import { importSpireEntries } from './spire_entries.ts';

const document = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, 'testing', name), 'utf8'));
const NODE = 'spiffe://demo.test/postern/agent/node-1';
const PROD = 'spiffe://demo.test/postern/attestor/prod';
const PARENTS: ParentMap = [
  ['spiffe://demo.test/spire/agent/k8s_psat/prod/*', PROD],
  ['spiffe://demo.test/spire/agent/join_token/2d2c5f1e-0d51-4f0c-8f2c-b6c4b3a0a001', NODE],
];
const options = { parents: PARENTS, nowMs: Date.UTC(2026, 10, 28) };
const reasons = (items: readonly { readonly name: string; readonly reason: string }[]) =>
  items.map(({ name, reason }) => `${name} ${reason}`);

describe('SPIRE’s entries', () => {
  const imported = importSpireEntries(document('spire_show.json'), options);

  test('come over as they are, where each selector is known and the parent was named', () => {
    expect(imported.entries).toEqual([
      {
        spiffeId: 'spiffe://demo.test/shop/web',
        parentId: PROD,
        selectors: ['k8s:ns:shop', 'k8s:sa:web'],
        dnsNames: ['web.shop.svc'],
        federatesWith: ['partner.test'],
        hint: 'external',
        ttlSeconds: 3600,
        jwtTtlSeconds: 60,
      },
      {
        spiffeId: 'spiffe://demo.test/shop/batch',
        parentId: NODE,
        selectors: ['unix:path:/usr/bin/batch', 'unix:uid:1000'],
        federatesWith: ['partner.test'],
        ttlSeconds: 86_400,
        expiresAtMs: 1_893_456_000_000,
      },
    ]);
  });

  test('are left out whole when a part cannot come over, which would make them fit more', () => {
    expect(reasons(imported.skipped)).toEqual([
      'spiffe://demo.test/nested (downstream) downstream',
      'spiffe://demo.test/stored (stored) store-svid',
      'spiffe://demo.test/cluster/prod (alias) node-alias',
      'spiffe://demo.test/shop/labelled (labelled) selector-unsupported',
      'spiffe://demo.test/shop/elsewhere (elsewhere) parent-unmapped',
      'spiffe://demo.test/shop/ended (ended) expired',
    ]);
    expect(imported.notes.map(({ reason }) => reason)).toEqual(['jwt-ttl', 'admin', 'ttl']);
  });

  test('are the same from the file of `entry create -data`, which spells IDs as texts', () => {
    const data = {
      entries: [
        {
          entry_id: 'x',
          spiffe_id: 'spiffe://demo.test/shop/web',
          parent_id: 'spiffe://demo.test/spire/agent/k8s_psat/prod/a',
          selectors: [{ type: 'k8s', value: 'sa:web' }],
          ttl: 600,
        },
      ],
    };
    expect(importSpireEntries(data, options).entries).toEqual([
      { spiffeId: 'spiffe://demo.test/shop/web', parentId: PROD, selectors: ['k8s:sa:web'], ttlSeconds: 600 },
    ]);
  });

  test('and from what `entry create` answered', () => {
    const [entry] = document('spire_show.json').entries;
    const answered = { results: [{ status: { code: 0, message: 'OK' }, entry }] };
    expect(importSpireEntries(answered, options).entries).toHaveLength(1);
  });

  test.each<[what: string, over: object, reason: string]>([
    ['a unix selector at a cluster', { selectors: [{ type: 'unix', value: 'uid:0' }] }, 'selector-unsupported'],
    [
      'a selector of a name, not a number',
      { selectors: [{ type: 'unix', value: 'user:web' }] },
      'selector-unsupported',
    ],
    ['a selector that is none', { selectors: ['k8s:ns:shop'] }, 'selector-unsupported'],
    ['no selectors', { selectors: [] }, 'entry-selectors'],
    ['one selector twice', { selectors: Array(2).fill({ type: 'k8s', value: 'ns:a' }) }, 'entry-selectors'],
    ['a DNS name that is a pattern', { dns_names: ['*.demo.test'] }, 'entry-dns-name'],
    ['a path of ours', { spiffe_id: { trust_domain: 'demo.test', path: '/postern/agent/x' } }, 'entry-path-reserved'],
    ['another trust domain than its parent’s', { spiffe_id: { trust_domain: 'a.test', path: '/x' } }, 'entry-parent'],
    ['an ID that is none', { spiffe_id: 7 }, 'entry-spiffe-id'],
    ['a name with a placeholder of its own', { spiffe_id: 'spiffe://demo.test/x/{k8s:ns}' }, 'entry-template-instance'],
  ])('are left out with %s', (_what, over, reason) => {
    const [entry] = document('spire_show.json').entries;
    const { entries, skipped } = importSpireEntries({ entries: [{ ...entry, ...over }] }, options);
    expect([entries, skipped.map((it) => it.reason)]).toEqual([[], [reason]]);
  });

  test.each([[], 'x', null, { entries: {} }, { items: [] }])('are not read from %j', (value) => {
    expect(() => importSpireEntries(value, options)).toThrow(expect.objectContaining({ reason: 'import-malformed' }));
  });

  test('are each in the file once', () => {
    const [entry] = document('spire_show.json').entries;
    const twice = importSpireEntries({ entries: [entry, { ...entry, id: 'again' }, 7] }, options);
    expect([twice.entries.length, ...twice.skipped.map(({ reason }) => reason)]).toEqual([
      1,
      'entry-exists',
      'not-an-entry',
    ]);
  });

  test('have the parent that fits best, whatever stands first', () => {
    const parents: ParentMap = [
      ['spiffe://a.test/*', 'all'],
      ['spiffe://a.test/spire/agent/x', 'exact'],
      ['spiffe://a.test/spire/agent/x*', 'longer'],
    ];
    expect(['x', 'xy', 'y'].map((name) => parentOf(parents, `spiffe://a.test/spire/agent/${name}`))).toEqual([
      'exact',
      'longer',
      'all',
    ]);
    expect(parentOf(parents, 'spiffe://b.test/x')).toBeUndefined();
    for (const text of ['a=b', `spiffe://a.test/*/x=${NODE}`, 'spiffe://a.test/x=spiffe://a.test/x', NODE])
      expect(() => collectParent(text, undefined)).toThrow();
  });
});

describe('what cert-manager issues SPIFFE IDs for', () => {
  const imported = importCertManager(document('cert_manager_list.json'), { attestor: 'prod' });

  test('becomes entries where its names are those of namespace and account', () => {
    expect(imported.entries).toEqual([
      {
        spiffeId: 'spiffe://demo.test/ns/{k8s:ns}/sa/{k8s:sa}',
        parentId: PROD,
        selectors: [],
        isTemplateShared: true,
        ttlSeconds: 3600,
      },
      ...['shop', 'stage'].map((namespace) => ({
        spiffeId: 'spiffe://demo.test/ns/{k8s:ns}/sa/web',
        parentId: PROD,
        selectors: [`k8s:ns:${namespace}`, 'k8s:sa:web'],
        isTemplateShared: true,
      })),
      {
        spiffeId: 'spiffe://demo.test/ns/bank/sa/ledger',
        parentId: PROD,
        selectors: ['k8s:ns:bank', 'k8s:sa:ledger'],
        dnsNames: ['ledger.bank.svc'],
        ttlSeconds: 86_400,
      },
    ]);
  });

  test('is left out where an entry would let in more, or says nothing of the workload', () => {
    expect(reasons(imported.skipped)).toEqual([
      'CertificateRequestPolicy two-namespaces spiffe://demo.test/* uri-pattern',
      'CertificateRequestPolicy two-namespaces spiffe://demo.test/ns/bank/sa/* namespace-outside',
      'CertificateRequestPolicy cel validations',
      'CertificateRequestPolicy by-label namespace-labels',
      'CertificateRequestPolicy authority authority',
      'Certificate bank/free workload-unknown',
      'Certificate shop/stolen workload-unknown',
      'Certificate shop/web no-spiffe-id',
    ]);
    expect(reasons(imported.notes)).toContain('Certificate bank/ledger ttl');
  });
});

test('a name from elsewhere cannot break out of a comment of the file', () => {
  const evil = 'x\nentries:\n  - spiffeId: spiffe://demo.test/admin';
  const text = renderEntryFile('spire', 'SPIRE', {
    entries: [],
    skipped: [{ name: evil, reason: 'r', detail: evil }],
    notes: [],
  });
  expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
    'owner: "spire"',
    'entries: []',
  ]);
});
