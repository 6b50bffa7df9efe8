/** `postern.yaml`: teams, workload groups, token issuers and what holds for the whole release. */
import { MAX_NAME_CHARS, NAME, splitSpiffeId } from '../release/names.ts';
import type { Team, TokenIssuer, WorkloadGroup } from '../release/release.ts';
import { MAX_STALE_AFTER_SECONDS, MAX_TEAMS } from '../release/release_shape.ts';
import { didYouMean } from './near_name.ts';
import type { Problems } from './problem.ts';
import type { Source } from './source.ts';
import {
  flag,
  integer,
  listOf,
  mapOf,
  object,
  oneOf,
  optional,
  type Placed,
  placed,
  readYaml,
  required,
  text,
  withDefault,
} from './yaml_reader.ts';

export interface Settings {
  /** `undefined`: the owners named by services are the teams. */
  readonly teams: ReadonlyMap<string, Placed<Team>> | undefined;
  readonly workloadGroups: readonly WorkloadGroup[];
  readonly issuers: readonly TokenIssuer[];
  readonly strictErrors: boolean;
  readonly staleAfterSeconds: number | undefined;
}

const DEFAULTS: Settings = {
  teams: undefined,
  workloadGroups: [],
  issuers: [],
  strictErrors: true,
  staleAfterSeconds: undefined,
};

/** RFC 8725 3.1: asymmetric algorithms only; an HMAC key would have to be shared with every decision point. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512', 'EdDSA'] as const;

const name = { what: 'a name of lower-case letters, digits, `-` and `_`', check: isName, maxChars: MAX_NAME_CHARS };
const spiffeId = text({ what: 'a SPIFFE ID with a path', check: (id) => (splitSpiffeId(id)?.path ?? '') !== '' });

const tokenIssuer = object({
  issuer: required(
    text({ what: 'an issuer URL with https (http on a loopback address), without query', check: isIssuer }),
  ),
  audiences: required(listOf(text({ what: 'an audience', check: (item) => item !== '' }), { min: 1, max: 100 })),
  algorithms: required(listOf(oneOf(...ALGORITHMS), { min: 1, max: ALGORITHMS.length })),
  tokens: withDefault(listOf(oneOf('access-token', 'id-token'), { min: 1, max: 2 }), ['access-token' as const]),
  groupsClaim: optional(text({ what: 'the name of a claim', maxChars: 255 })),
  groups: withDefault(
    mapOf({ what: 'a group of the provider', maxChars: 255 }, text(name), MAX_TEAMS),
    new Map<string, Placed<string>>(),
  ),
  deviceClaim: optional(text({ what: 'the name of a claim', maxChars: 255 })),
});

const settings = object({
  teams: optional(mapOf(name, object({ parent: optional(text(name)) }), MAX_TEAMS)),
  workloadGroups: optional(mapOf(name, listOf(spiffeId, { max: 100_000 }), MAX_TEAMS)),
  issuers: withDefault(listOf(placed(tokenIssuer), { max: 100 }), []),
  strictErrors: withDefault(flag, true),
  staleAfterSeconds: optional(integer(60, MAX_STALE_AFTER_SECONDS)),
});

/** Reports problems and falls back to defaults, so that the rest of the repository is still read. */
export function readSettings(source: Source | undefined, problems: Problems): Settings {
  const read = source === undefined ? undefined : readYaml(source, settings, problems);
  if (read === undefined) return DEFAULTS;
  const teams =
    read.teams && new Map([...read.teams].map(([team, { value, place }]) => [team, teamOf(team, value, place)]));
  if (teams !== undefined) checkParents(teams, problems);
  const issuers = new Map<string, TokenIssuer>();
  for (const { value, place } of read.issuers) {
    if (issuers.has(value.issuer)) problems.error('yaml-value', place, 'this issuer is configured twice');
    const { groupsClaim, deviceClaim, ...rest } = value;
    issuers.set(value.issuer, {
      ...rest,
      ...(groupsClaim !== undefined && { groupsClaim }),
      ...(deviceClaim !== undefined && { deviceClaim }),
      groups: Object.fromEntries([...value.groups].map(([from, to]) => [from, to.value])),
    });
  }
  return {
    teams,
    workloadGroups: [...(read.workloadGroups ?? [])].map(([group, ids]) => ({ name: group, spiffeIds: ids.value })),
    issuers: [...issuers.values()],
    strictErrors: read.strictErrors,
    staleAfterSeconds: read.staleAfterSeconds,
  };
}

function teamOf(team: string, { parent }: { parent: string | undefined }, place: Placed<Team>['place']): Placed<Team> {
  return { value: parent === undefined ? { name: team } : { name: team, parent }, place };
}

function checkParents(teams: ReadonlyMap<string, Placed<Team>>, problems: Problems): void {
  for (const { value, place } of teams.values()) {
    const seen = new Set([value.name]);
    let parent = value.parent;
    if (parent !== undefined && !teams.has(parent))
      problems.error('team-unknown', place, `there is no team \`${parent}\`${didYouMean(parent, teams.keys())}`);
    while (parent !== undefined && !seen.has(parent)) {
      seen.add(parent);
      parent = teams.get(parent)?.value.parent;
    }
    if (parent === value.name) problems.error('team-cycle', place, 'this team is above itself');
  }
}

function isName(candidate: string): boolean {
  return NAME.test(candidate);
}

/** OpenID Connect Discovery 1.0 section 3; http only where nobody stands between (RFC 8252 8.3). */
function isIssuer(candidate: string): boolean {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(candidate) || /[?#@]/.test(candidate)) return false;
  return (
    candidate.startsWith('https://') ||
    /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]+)?(?:\/|$)/.test(candidate)
  );
}
