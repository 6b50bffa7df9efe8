import { parseTrustDomain } from '@postern/spiffe';
import { describe, expect, test } from 'vitest';
import { isLdhName } from './dns_name.ts';
import { agentSpiffeId, checkEntryInput, type EntryInput } from './registration_entry.ts';
import { must, trustDomain } from './testing/world.ts';

const GOOD: EntryInput = {
  spiffeId: 'spiffe://demo.test/payments',
  parentId: 'spiffe://demo.test/postern/agent/node-1',
  selectors: ['unix:uid:1000', 'unix:path:/usr/bin/payments'],
};

const agent = (name: string) => `spiffe://demo.test/postern/agent/${name}`;
const CLUSTER = 'spiffe://demo.test/postern/attestor/prod';
const ATTESTED: Partial<EntryInput> = { parentId: CLUSTER, selectors: ['k8s:ns:shop'] };
const TEMPLATE: Partial<EntryInput> = { ...ATTESTED, spiffeId: 'spiffe://demo.test/prod/ns/{k8s:ns}/sa/{k8s:sa}' };
const many = (count: number, of: (index: number) => string) => Array.from({ length: count }, (_, index) => of(index));

/** Both sides of each bound: `undefined` is accepted. */
const ROWS: readonly (readonly [string, Partial<EntryInput>, string | undefined])[] = [
  ['a good entry', {}, undefined],
  ['no SPIFFE ID', { spiffeId: '' }, 'entry-spiffe-id'],
  ['an ID with an upper-case trust domain', { spiffeId: 'spiffe://Demo.test/payments' }, 'entry-spiffe-id'],
  ['an ID that climbs', { spiffeId: 'spiffe://demo.test/a/../postern/agent/x' }, 'entry-spiffe-id'],
  ['an ID with an escape', { spiffeId: 'spiffe://demo.test/%70ostern/agent/x' }, 'entry-spiffe-id'],
  ['another trust domain', { spiffeId: 'spiffe://evil.test/payments' }, 'entry-trust-domain'],
  ['a trust domain that only begins like ours', { spiffeId: 'spiffe://demo.test.evil/payments' }, 'entry-trust-domain'],
  ['the trust domain itself', { spiffeId: 'spiffe://demo.test' }, 'entry-path-missing'],
  ['an agent', { spiffeId: agent('mallory') }, 'entry-path-reserved'],
  ['a function of the control plane', { spiffeId: 'spiffe://demo.test/postern/authorize' }, 'entry-path-reserved'],
  ['the reserved path itself', { spiffeId: 'spiffe://demo.test/postern' }, 'entry-path-reserved'],
  ['a path that only begins like the reserved one', { spiffeId: 'spiffe://demo.test/posterns/x' }, undefined],
  ['the reserved name deeper down', { spiffeId: 'spiffe://demo.test/team/postern/x' }, undefined],
  ['a parent that is a workload', { parentId: 'spiffe://demo.test/payments' }, 'entry-parent'],
  ['a parent of another trust domain', { parentId: 'spiffe://evil.test/postern/agent/node-1' }, 'entry-parent'],
  ['no parent', { parentId: '' }, 'entry-parent'],
  ['all agents as parent', { parentId: 'spiffe://demo.test/postern/agent' }, 'entry-parent'],
  ['a parent below an agent', { parentId: agent('node-1/child') }, 'entry-parent'],
  ['an attestor', ATTESTED, undefined],
  ['all attestors as parent', { parentId: 'spiffe://demo.test/postern/attestor' }, 'entry-parent'],
  ['a name below an attestor', { parentId: `${CLUSTER}/node-1` }, 'entry-parent'],
  ['a template that names its attestor', TEMPLATE, undefined],
  [
    'a template at an agent, whose word names nobody',
    { ...TEMPLATE, parentId: agent('node-1') },
    'entry-template-parent',
  ],
  [
    'a template that another cluster would fill too',
    { ...TEMPLATE, spiffeId: 'spiffe://demo.test/ns/{k8s:ns}/sa/{k8s:sa}' },
    'entry-template-instance',
  ],
  [
    'one that only contains the attestor’s name',
    { ...TEMPLATE, spiffeId: 'spiffe://demo.test/not-prod/{k8s:ns}' },
    'entry-template-instance',
  ],
  [
    'one of which that is said',
    { ...TEMPLATE, spiffeId: 'spiffe://demo.test/ns/{k8s:ns}', isTemplateShared: true },
    undefined,
  ],
  ['a name in full that is said to be shared', { ...ATTESTED, isTemplateShared: true }, 'entry-template'],
  ['a template of everything', { ...TEMPLATE, spiffeId: 'spiffe://demo.test/{k8s:ns}/prod' }, 'entry-template'],
  ['a template of a trust domain', { ...TEMPLATE, spiffeId: 'spiffe://{k8s:ns}/prod' }, 'entry-template'],
  [
    'a template below the reserved path',
    { ...TEMPLATE, spiffeId: 'spiffe://demo.test/postern/prod/{k8s:ns}' },
    'entry-path-reserved',
  ],
  [
    'a template of another trust domain',
    { ...TEMPLATE, spiffeId: 'spiffe://evil.test/prod/{k8s:ns}' },
    'entry-trust-domain',
  ],
  ...[
    '/prod/x-{k8s:ns}',
    '/prod/{k8s:ns}-x',
    '/prod/{k8s:ns}{k8s:sa}',
    '/prod/{}',
    '/prod/{K8s:ns}',
    '/prod/{k8s:ns',
    '/prod/k8s:ns}',
    '/prod/{{k8s:ns}}',
    '/prod/{k8s:ns}/{../x}',
    '/prod/{k8s ns}',
    `/prod/{a${'x'.repeat(128)}}`,
    `/prod${'/{a}'.repeat(9)}`,
  ].map((path): readonly [string, Partial<EntryInput>, string] => [
    `a template that is none: ${path.slice(0, 40)}`,
    { ...TEMPLATE, spiffeId: `spiffe://demo.test${path}` },
    'entry-template',
  ]),
  ['a template that climbs', { ...TEMPLATE, spiffeId: 'spiffe://demo.test/prod/{k8s:ns}/..' }, 'entry-spiffe-id'],
  [
    'a template with an empty segment',
    { ...TEMPLATE, spiffeId: 'spiffe://demo.test/prod//{k8s:ns}' },
    'entry-spiffe-id',
  ],
  [
    'as many placeholders as may be',
    { ...TEMPLATE, spiffeId: `spiffe://demo.test/prod${'/{a}'.repeat(8)}` },
    undefined,
  ],
  ['a DNS name by claims', { ...ATTESTED, dnsNames: ['{k8s:sa}.{oidc:a.b}.prod.demo.test'] }, undefined],
  ['a DNS name by claims at an agent', { dnsNames: ['{k8s:sa}.node-1.demo.test'] }, 'entry-template-parent'],
  ['a DNS name by claims of any cluster', { ...ATTESTED, dnsNames: ['{k8s:sa}.demo.test'] }, 'entry-template-instance'],
  ...[
    '{k8s:sa}',
    '{k8s:sa}.test',
    'prod.{k8s:sa}.test',
    'x{k8s:sa}.prod.demo.test',
    '{k8s:sa}.PROD.demo.test',
    '{k8s:sa}..demo.test',
    '{k8s:sa}.prod.demo.1',
    '*.{k8s:sa}.prod.demo.test',
  ].map((name): readonly [string, Partial<EntryInput>, string] => [
    `the DNS template ${name}`,
    { ...ATTESTED, dnsNames: [name] },
    'entry-dns-name',
  ]),
  ['a parent with the longest name', { parentId: agent('n'.repeat(128)) }, undefined],
  ['a parent with a longer name', { parentId: agent('n'.repeat(129)) }, 'entry-parent'],
  ['no selectors, which every workload has', { selectors: [] }, 'entry-selectors'],
  ['as many selectors as may be', { selectors: many(32, (index) => `unix:gid:${index}`) }, undefined],
  ['one more', { selectors: many(33, (index) => `unix:gid:${index}`) }, 'entry-selectors'],
  ['one selector twice', { selectors: ['unix:uid:1', 'unix:uid:1'] }, 'entry-selectors'],
  ['a selector without a type', { selectors: [':uid:1'] }, 'entry-selectors'],
  ['a selector without a value', { selectors: ['unix:'] }, 'entry-selectors'],
  ['a selector with a space', { selectors: ['unix:path:/a b'] }, 'entry-selectors'],
  ['a selector with a line break', { selectors: ['unix:uid:1\n'] }, 'entry-selectors'],
  ['the longest selector', { selectors: [`unix:path:/${'x'.repeat(501)}`] }, undefined],
  ['a longer one', { selectors: [`unix:path:/${'x'.repeat(502)}`] }, 'entry-selectors'],
  ['no selectors for whoever is proven at the attestor', { ...TEMPLATE, selectors: [] }, undefined],
  ['no selectors for one name that all of them would get', { ...ATTESTED, selectors: [] }, 'entry-selectors'],
  ['a life of a second', { ttlSeconds: 1 }, undefined],
  ['a life of a day', { ttlSeconds: 86_400 }, undefined],
  ['a longer life', { ttlSeconds: 86_401 }, 'entry-ttl'],
  ['no life', { ttlSeconds: 0 }, 'entry-ttl'],
  ['a life that is no whole number', { ttlSeconds: 1.5 }, 'entry-ttl'],
  ['a life that is no number', { ttlSeconds: Number.NaN }, 'entry-ttl'],
  ['a DNS name', { dnsNames: ['payments.demo.test'] }, undefined],
  ['a DNS name that a proxy takes for a SPIFFE ID', { dnsNames: ['spiffe://demo.test/admin'] }, 'entry-dns-name'],
  ['one DNS name twice', { dnsNames: ['a.test', 'a.test'] }, 'entry-dns-name'],
  ['as many DNS names as may be', { dnsNames: many(16, (index) => `n${index}.test`) }, undefined],
  ['one more', { dnsNames: many(17, (index) => `n${index}.test`) }, 'entry-dns-name'],
  ['the longest hint', { hint: 'é'.repeat(512) }, undefined],
  ['a longer one', { hint: `${'é'.repeat(512)}x` }, 'entry-hint'],
  ['a hint that is no text', { hint: '\ud800' }, 'entry-hint'],
  ['a token of a minute', { jwtTtlSeconds: 60 }, undefined],
  ['a token of less', { jwtTtlSeconds: 59 }, 'entry-jwt-ttl'],
  ['a token of an hour', { jwtTtlSeconds: 3600 }, undefined],
  ['a token of more', { jwtTtlSeconds: 3601 }, 'entry-jwt-ttl'],
  ['another trust domain’s bundle', { federatesWith: ['partner.test'] }, undefined],
  ['its own as another one’s', { federatesWith: ['demo.test'] }, 'entry-federates-with'],
  ['a trust domain by its ID', { federatesWith: ['spiffe://partner.test'] }, 'entry-federates-with'],
  ['a trust domain twice', { federatesWith: ['a.test', 'a.test'] }, 'entry-federates-with'],
  ['as many trust domains as may be', { federatesWith: many(32, (index) => `d${index}.test`) }, undefined],
  ['one more', { federatesWith: many(33, (index) => `d${index}.test`) }, 'entry-federates-with'],
  ['the profile of workloads', { profile: 'workload' }, undefined],
  ['the profile of agents', { profile: 'agent' }, 'entry-profile'],
  ['a profile by a name of every object', { profile: 'toString' }, 'entry-profile'],
  ['an owner', { owner: 'git.example/shop-entries_2' }, undefined],
  ['an owner with a line break', { owner: 'a\n' }, 'entry-owner'],
  ['no owner at all', { owner: '' }, 'entry-owner'],
  ['the longest owner', { owner: 'o'.repeat(63) }, undefined],
  ['a longer one', { owner: 'o'.repeat(64) }, 'entry-owner'],
  ['an end', { expiresAtMs: 1 }, undefined],
  ['no end that there is', { expiresAtMs: 8.64e15 + 1 }, 'entry-expiry'],
  ['an end before all time', { expiresAtMs: -1 }, 'entry-expiry'],
  ['an end that is no number', { expiresAtMs: Number.NaN }, 'entry-expiry'],
];

test.each(ROWS)('%s', (_name, over, reason) => {
  const checked = checkEntryInput({ ...GOOD, ...over }, trustDomain);
  expect(checked.ok ? undefined : checked.reason).toBe(reason);
});

test('no claim names the trust domain, not even of one that is called as a placeholder is tried with', () => {
  const domain = must(parseTrustDomain('x'));
  const input = {
    spiffeId: 'spiffe://{k8s:ns}/prod/{k8s:sa}',
    parentId: 'spiffe://x/postern/attestor/prod',
    selectors: [],
  };
  expect(checkEntryInput(input, domain)).toMatchObject({ reason: 'entry-template' });
});

describe('an agent’s name', () => {
  test.each(['node-1', 'i-0abc.eu_west', 'N', 'n'.repeat(128)])('may be `%s`', (name) => {
    expect(agentSpiffeId(trustDomain, name)).toEqual({ ok: true, value: agent(name) });
  });

  test.each(['', '.', '..', 'a/b', 'a/', '/a', 'a b', 'ä', 'a%2fb', 'a?b', 'a#b', 'n'.repeat(129)])(
    'is never `%s`',
    (name) => {
      expect(agentSpiffeId(trustDomain, name)).toMatchObject({ ok: false, reason: 'agent-name' });
    },
  );

  test('fits the store’s keys in the longest trust domain', () => {
    const longest = must(parseTrustDomain('t'.repeat(255)));
    expect(must(agentSpiffeId(longest, 'n'.repeat(128))).length).toBeLessThanOrEqual(512);
  });
});

describe('DNS names in certificates', () => {
  test.each([
    'localhost',
    'a',
    'a.b',
    '1a.test',
    'x--y.test',
    'xn--bcher-kva.test',
    '1.2.3.4.test',
    `${'a'.repeat(63)}.test`,
  ])('may be `%s`', (name) => {
    expect(isLdhName(name)).toBe(true);
  });

  const bad = [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'A.test',
    '-a.test',
    'a-.test',
    'a_b.test',
    '*.test',
    'a b',
    'a:b',
    'a/b',
    'ä.test',
    'a\0.test',
    'a\n',
    '127.0.0.1',
    '1',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(127)}`,
  ];
  test.each(bad)('are never %j', (name) => {
    expect(isLdhName(name)).toBe(false);
  });

  test('end at 253 characters', () => {
    const labels = Array.from({ length: 125 }, () => 'a').join('.');
    expect([labels.length, isLdhName(`${labels}.abc`), isLdhName(`${labels}.abcd`)]).toEqual([249, true, false]);
  });

  test('have no character but letters, digits, hyphens and dots, wherever it stands', () => {
    const allowed = new Set('abcdefghijklmnopqrstuvwxyz0123456789-.');
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      expect(isLdhName(`a${character}a.test`), `octet ${octet}`).toBe(allowed.has(character));
    }
  });
});
