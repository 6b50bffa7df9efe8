/** What an authority puts into certificates. A profile is checked once, when it is made; each number has its reason. */

/**
 * Whose key signs the leaves. `ephemeral`: one made in the memory of an instance, certified by the root for hours; `kms`:
 * one that never leaves the key store, so that each leaf is one use of it that the key store itself has on record.
 */
export type IssuerMode = 'ephemeral' | 'kms';

export interface LeafProfile {
  readonly name: string;
  readonly issuer: IssuerMode;
  readonly defaultTtlSeconds: number;
  readonly minTtlSeconds: number;
  readonly maxTtlSeconds: number;
  /** `notBefore` lies this far in the past: clocks that are behind accept the certificate at once. */
  readonly backdateSeconds: number;
  /** RFC 9608: short-lived certificates say that no revocation information exists; decision points learn it by the feed. */
  readonly noRevAvail: boolean;
}

/** RFC 9608 is meant for certificates whose life is shorter than the time to publish a revocation. */
export const MAX_NO_REV_AVAIL_SECONDS = 24 * 60 * 60;

/** The issuer key's certificate always has as much to come. */
export const MAX_LISTED_SECONDS = 7 * 24 * 60 * 60;

export const WORKLOAD_PROFILE: LeafProfile = createLeafProfile({
  name: 'workload',
  issuer: 'ephemeral',
  // Renewed after a quarter of it, so an outage of three hours harms nobody.
  defaultTtlSeconds: 4 * 60 * 60,
  // Below this, clocks, backdating and delivery eat the lifetime.
  minTtlSeconds: 5 * 60,
  // Longer ones would need revocation lists (RFC 9608).
  maxTtlSeconds: 24 * 60 * 60,
  backdateSeconds: 60,
  noRevAvail: true,
});

/** Agents are renewed as workloads are; their SVID also survives a restart of the node without a new join. */
export const AGENT_PROFILE: LeafProfile = createLeafProfile({
  ...WORKLOAD_PROFILE,
  name: 'agent',
  defaultTtlSeconds: 24 * 60 * 60,
});

/** As workloads, for what must not be signed by a key in anybody's memory. */
export const KMS_PROFILE: LeafProfile = createLeafProfile({ ...WORKLOAD_PROFILE, name: 'kms', issuer: 'kms' });

/** For what cannot be renewed every few hours: its certificates are on revocation lists (docs/revocation.md). */
export const LONG_LIVED_PROFILE: LeafProfile = createLeafProfile({
  ...KMS_PROFILE,
  name: 'long-lived',
  defaultTtlSeconds: 3 * 24 * 60 * 60,
  maxTtlSeconds: MAX_LISTED_SECONDS,
  noRevAvail: false,
});

/** All profiles, each under its name. */
export const PROFILES: { readonly [name: string]: LeafProfile } = Object.fromEntries(
  [WORKLOAD_PROFILE, AGENT_PROFILE, KMS_PROFILE, LONG_LIVED_PROFILE].map((profile) => [profile.name, profile]),
);

/** Those that an entry may ask for. What is not here is refused: nobody gets a weaker certificate than was asked for. */
export const ENTRY_PROFILES: readonly string[] = [WORKLOAD_PROFILE.name, KMS_PROFILE.name, LONG_LIVED_PROFILE.name];

/** `name`: of a stored entry; `undefined` for one of another version, which is not replaced by one of ours. */
export function findEntryProfile(name: string): LeafProfile | undefined {
  return ENTRY_PROFILES.includes(name) ? PROFILES[name] : undefined;
}

export function createLeafProfile(profile: LeafProfile): LeafProfile {
  const { minTtlSeconds: min, defaultTtlSeconds: usual, maxTtlSeconds: max, backdateSeconds, noRevAvail } = profile;
  if (!(min > 0 && min <= usual && usual <= max))
    throw new RangeError(`profile ${profile.name}: lifetimes out of order`);
  if (!(backdateSeconds >= 10 && backdateSeconds <= 300))
    throw new RangeError(`profile ${profile.name}: backdate not 10 to 300 s`);
  if (noRevAvail && max > MAX_NO_REV_AVAIL_SECONDS)
    throw new RangeError(`profile ${profile.name}: too long-lived for noRevAvail`);
  // An ephemeral issuer is gone with its process: nobody could sign its lists.
  if (!noRevAvail && profile.issuer !== 'kms')
    throw new RangeError(`profile ${profile.name}: lists are signed by the key store alone`);
  if (max > MAX_LISTED_SECONDS) throw new RangeError(`profile ${profile.name}: longer than its issuer`);
  return Object.freeze({ ...profile });
}

/** Seconds; an absent wish is the profile's default, one outside its bounds is clamped. */
export function clampTtl(profile: LeafProfile, wishSeconds: number | undefined): number {
  return Math.min(profile.maxTtlSeconds, Math.max(profile.minTtlSeconds, wishSeconds ?? profile.defaultTtlSeconds));
}

/** Twice a leaf's default life: an issuer certified just before an outage still covers the leaves it signs. */
export const EPHEMERAL_ISSUER_SECONDS = 2 * WORKLOAD_PROFILE.defaultTtlSeconds;
/** Renewed when half of it is over: `rotate` may be away for days, and each leaf still has its whole life. */
export const KMS_ISSUER_SECONDS = 14 * 24 * 60 * 60;
export const ROOT_SECONDS = 10 * 365 * 24 * 60 * 60;
