/** Services and teams that a policy names and the repository does not have: a guardrail for one would guard nothing. */
import { formatUid, type PolicyJson } from '../cedar/index.ts';
import type { Release } from '../release/release.ts';
import { didYouMean } from './near_name.ts';
import type { Problems } from './problem.ts';
import type { PolicyFile } from './read_policies.ts';
import { type Place, placeOf } from './source.ts';
import { textOf } from './split_policies.ts';

const CODES = { Service: 'service-unknown', Team: 'team-unknown' } as const;
const NOUNS = { Service: 'service', Team: 'team' } as const;
type NamedType = keyof typeof CODES;

/** Comments and other strings are passed over as a whole. */
const TOKEN = /\/\/[^\n]*|(?<![A-Za-z0-9_])(Service|Team)\s*::\s*("(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*"/gs;

/** Gives the policies that name only what there is. */
export function checkNamedEntities(
  policies: readonly PolicyFile[],
  { services, teams }: Pick<Release, 'services' | 'teams'>,
  problems: Problems,
): readonly PolicyFile[] {
  const known = {
    Service: new Set(services.map(({ name }) => name)),
    Team: new Set(teams.map(({ name }) => name)),
  };
  return policies.filter(({ json, place }) => {
    const unknown = namedIn(json).filter(({ type, id }) => !known[type].has(id));
    for (const uid of unknown) {
      const { type, id } = uid;
      const near = problems.isFull ? '' : didYouMean(id, known[type]);
      const message = `there is no ${NOUNS[type]} \`${id}\`${near}`;
      for (const at of placesOf(formatUid(uid), place)) problems.error(CODES[type], at, message);
    }
    return unknown.length === 0;
  });
}

interface NamedEntity {
  readonly kind: 'entity';
  readonly type: NamedType;
  readonly id: string;
}

/** Each once, wherever it stands in the scope or in conditions. */
function namedIn(json: PolicyJson): readonly NamedEntity[] {
  const named = new Map<string, NamedEntity>();
  const open: unknown[] = [json];
  while (open.length > 0) {
    const item = open.pop();
    if (typeof item !== 'object' || item === null) continue;
    const { type, id } = item as { readonly type?: unknown; readonly id?: unknown };
    if ((type === 'Service' || type === 'Team') && typeof id === 'string') {
      named.set(`${type} ${id}`, { kind: 'entity', type, id });
    }
    for (const member of Object.values(item)) open.push(member);
  }
  return [...named.values()];
}

/** Where the policy's text names the entity; the policy where it spells it otherwise. */
function placesOf(uid: string, policy: Place): readonly Place[] {
  const places = [...textOf(policy).matchAll(TOKEN)]
    .filter(([, type, id]) => `${type}::${id}` === uid)
    .map(({ 0: token, index }) => placeOf(policy.source, policy.start + index, policy.start + index + token.length));
  return places.length > 0 ? places : [policy];
}
