import { describe, expect, test } from 'vitest';
import { policyFromJson } from '../cedar/index.ts';
import { PAYMENTS_FILES, releaseFrom } from '../testing/index.ts';
import { formatCanonical } from './canonical.ts';
import { acceptRelease, formatRelease, parseRelease } from './format.ts';
import { loadRelease } from './load.ts';
import { MAX_RELEASE_BYTES, type Release, type ReleasedPolicy } from './release.ts';

const release = releaseFrom({
  ...PAYMENTS_FILES,
  'org/limits.cedar': `@id("beyond-doubles")
permit (principal, action, resource)
when { 9007199254740993 == 9007199254740993 && context.local.hour > -9223372036854775808 };`,
});

function readBack(bytes: Uint8Array): Release {
  const parsed = parseRelease(bytes);
  if (!parsed.ok) throw new Error(`${parsed.reason} ${parsed.detail}`);
  return parsed.value;
}

function withoutJson({ json: _, ...policy }: ReleasedPolicy): Omit<ReleasedPolicy, 'json'> {
  return policy;
}

/** What the engine makes of each policy: Cedar's JSON format has more than one spelling for it. */
function checkedPolicies({ policies }: Release): unknown {
  return policies.map(({ json }) => policyFromJson(json));
}

function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(formatCanonical(value));
}

describe('a release as bytes', () => {
  test('reads back to the same release and the same bytes', () => {
    const bytes = formatRelease(release);
    const { policies, ...others } = release;
    const parsed = readBack(bytes);
    expect(parsed).toMatchObject(others);
    expect(parsed.policies.map(withoutJson)).toEqual(policies.map(withoutJson));
    expect(checkedPolicies(parsed)).toEqual(checkedPolicies(release));
    expect(formatRelease(parsed)).toEqual(bytes);
  });

  test('keeps integers beyond 2^53, which JSON readers round', () => {
    const text = new TextDecoder().decode(formatRelease(release));
    expect(text).toContain('9007199254740993');
    expect(text).toContain('-9223372036854775808');
    const parsed = parseRelease(bytesOf(release));
    expect(
      JSON.stringify(parsed.ok && parsed.value.policies[0]?.json, (_, item) =>
        typeof item === 'bigint' ? `${item}n` : item,
      ),
    ).toContain('9007199254740993n');
  });

  test('has one spelling, whatever the order in which members were set', () => {
    const reversed = Object.fromEntries(Object.entries(release).reverse()) as unknown as Release;
    expect(formatRelease(reversed)).toEqual(formatRelease(release));
  });

  test('tolerates and keeps what a newer writer adds', () => {
    const newer = { ...release, later: { a: [1, 'x', null] }, services: [{ ...release.services[0], later: true }] };
    const parsed = parseRelease(bytesOf(newer));
    expect(parsed).toEqual({ ok: true, value: newer });
    expect(parsed.ok && loadRelease(parsed.value).ok).toBe(true);
  });

  const { policies, services } = release;
  const refused: [name: string, bytes: Uint8Array, reason: string][] = [
    ['another major format', bytesOf({ ...release, format: 'postern.release/2' }), 'release-format-unknown'],
    ['no format', bytesOf({ ...release, format: undefined }), 'release-malformed'],
    ['not JSON', new TextEncoder().encode('{'), 'release-malformed'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'release-malformed'],
    ['null', bytesOf(null), 'release-malformed'],
    ['a list', bytesOf([release]), 'release-malformed'],
    ['more bytes than a release may have', new Uint8Array(MAX_RELEASE_BYTES + 1), 'release-too-large'],
    ['number 0', bytesOf({ ...release, number: 0 }), 'release-malformed'],
    ['a number as text', bytesOf({ ...release, number: '1' }), 'release-malformed'],
    ['no policies', bytesOf({ ...release, policies: undefined }), 'release-malformed'],
    [
      'a policy without effect',
      bytesOf({ ...release, policies: [{ ...policies[0], effect: undefined }] }),
      'release-malformed',
    ],
    [
      'a policy that is text',
      bytesOf({ ...release, policies: [{ ...policies[0], json: 'permit' }] }),
      'release-malformed',
    ],
    ['an unknown mode', bytesOf({ ...release, services: [{ ...services[0], mode: 'shadow' }] }), 'release-malformed'],
    [
      'an unknown requirement',
      bytesOf({ ...release, services: [{ ...services[0], user: 'maybe' }] }),
      'release-malformed',
    ],
    [
      'members within members without end, beside an integer that is read exactly',
      new TextEncoder().encode(
        `{"format":"postern.release/1","number":9007199254740993,"policies":[${'{"json":'.repeat(200_000)}1${'}'.repeat(200_000)}]}`,
      ),
      'release-malformed',
    ],
    ['strictErrors as text', bytesOf({ ...release, strictErrors: 'false' }), 'release-malformed'],
  ];
  test.each(refused)('refuses %s', (_name, bytes, reason) => {
    expect(parseRelease(bytes)).toMatchObject({ ok: false, reason });
  });

  test('says which member is wrong', () => {
    const bad = {
      ...release,
      services: [{ ...services[0], routes: [{ ...services[0]?.routes[0], methods: ['get'] }] }],
    };
    expect(parseRelease(bytesOf(bad))).toMatchObject({ detail: 'services[0].routes[0].methods[0]' });
  });
});

describe('which release may follow', () => {
  test('anything first, a higher number, the same again', () => {
    expect(acceptRelease(undefined, release).ok).toBe(true);
    expect(acceptRelease(release, { ...release, number: 2 }).ok).toBe(true);
    expect(acceptRelease(release, structuredClone(release)).ok).toBe(true);
  });

  test('a validly signed older release brings no withdrawn permit back', () => {
    expect(acceptRelease({ ...release, number: 2 }, release)).toMatchObject({ reason: 'release-number-lower' });
  });

  test('one number has one content', () => {
    expect(acceptRelease(release, { ...release, strictErrors: false })).toMatchObject({ reason: 'release-fork' });
    expect(acceptRelease(release, { ...release, madeAtMs: 1 })).toMatchObject({ reason: 'release-fork' });
  });
});

describe('a release that cannot be decided with is refused as a whole', () => {
  const [policy] = release.policies;
  const [service] = release.services;
  if (policy === undefined || service === undefined) throw new Error('the release of this test is empty');
  const broken: [name: string, change: Partial<Release>, reason: string][] = [
    ['two services of one name', { services: [service, service] }, 'release-service-duplicate'],
    ['two policies of one id', { policies: [policy, policy] }, 'release-policies-invalid'],
    ['a policy of unknown form', { policies: [{ ...policy, json: { effect: 'permit' } }] }, 'release-policies-invalid'],
    [
      'a forbid that calls itself a permit',
      { policies: [{ ...policy, effect: 'forbid' }] },
      'release-policies-invalid',
    ],
    [
      'teams above themselves',
      {
        teams: [
          { name: 'a', parent: 'b' },
          { name: 'b', parent: 'a' },
        ],
      },
      'release-entities-invalid',
    ],
    [
      'routes that conflict',
      { services: [{ ...service, routes: [...service.routes, ...service.routes] }] },
      'release-routes-invalid',
    ],
    [
      'an identity that is no SPIFFE ID',
      { services: [{ ...service, spiffeIds: ['spiffe://demo.test/../x'] }] },
      'release-entities-invalid',
    ],
  ];
  test.each(broken)('%s', (_name, change, reason) => {
    expect(loadRelease({ ...release, ...change })).toMatchObject({ ok: false, reason });
  });
});
