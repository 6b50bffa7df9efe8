import { describe, expect, test } from 'vitest';
import {
  AGENT_PROFILE,
  clampTtl,
  createLeafProfile,
  ENTRY_PROFILES,
  EPHEMERAL_ISSUER_SECONDS,
  findEntryProfile,
  type LeafProfile,
  PROFILES,
  WORKLOAD_PROFILE,
} from './profile.ts';

const HOUR = 3600;

test('a workload’s certificate lives 4 hours, never under 5 minutes, never over a day', () => {
  const wishes = [undefined, 0, 1, 299, 300, 301, 24 * HOUR - 1, 24 * HOUR, 24 * HOUR + 1, Number.POSITIVE_INFINITY];
  expect(wishes.map((wish) => clampTtl(WORKLOAD_PROFILE, wish))).toEqual([
    4 * HOUR,
    300,
    300,
    300,
    300,
    301,
    86399,
    86400,
    86400,
    86400,
  ]);
  expect(AGENT_PROFILE.defaultTtlSeconds).toBe(24 * HOUR);
  expect(EPHEMERAL_ISSUER_SECONDS).toBe(8 * HOUR);
});

test('an entry gets the profile that it names, or none', () => {
  expect(ENTRY_PROFILES.map((name) => findEntryProfile(name)?.issuer)).toEqual(['ephemeral', 'kms', 'kms']);
  for (const name of ['agent', 'Workload', '', 'toString', '__proto__', 'later'])
    expect(findEntryProfile(name), name).toBeUndefined();
  expect(Object.entries(PROFILES).every(([name, profile]) => profile.name === name)).toBe(true);
});

describe('a profile that would issue what nobody can revoke or use does not exist', () => {
  const rows: [string, Partial<LeafProfile>][] = [
    ['no least life', { minTtlSeconds: 0 }],
    ['a least life beyond the usual', { minTtlSeconds: 5 * HOUR }],
    ['a usual life beyond the most', { defaultTtlSeconds: 25 * HOUR }],
    ['a life that is no number', { maxTtlSeconds: Number.NaN }],
    ['no backdating', { backdateSeconds: 0 }],
    ['backdating by more than clocks differ', { backdateSeconds: 301 }],
    ['backdating that is no number', { backdateSeconds: Number.NaN }],
    ['two days without revocation', { maxTtlSeconds: 48 * HOUR }],
  ];
  test.each(rows)('%s', (_name, over) => {
    expect(() => createLeafProfile({ ...WORKLOAD_PROFILE, ...over })).toThrow(RangeError);
  });

  test('two days with revocation is one', () => {
    const listed = { ...WORKLOAD_PROFILE, maxTtlSeconds: 48 * HOUR, noRevAvail: false } as const;
    expect(createLeafProfile({ ...listed, issuer: 'kms' }).maxTtlSeconds).toBe(48 * HOUR);
    // An ephemeral issuer is gone with its process, and nobody could sign its lists.
    expect(() => createLeafProfile(listed)).toThrow(RangeError);
    expect(() => createLeafProfile({ ...listed, issuer: 'kms', maxTtlSeconds: 169 * HOUR })).toThrow(RangeError);
  });
});
