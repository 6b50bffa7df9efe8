/** What a release says differently from another: policies, services with their routes, teams, and what holds for all. */
import type { Release, Route, Service } from '../release/index.ts';
import { diffPolicies, type PolicyChanges } from './diff_policies.ts';
import { compareLines, compareNamed, hasChanges, type LineChanges, type NamedChanges } from './lines.ts';

export interface ReleaseDiff {
  /** Nothing below has anything in it. */
  readonly isEmpty: boolean;
  readonly policies: PolicyChanges;
  readonly services: NamedChanges;
  readonly teams: NamedChanges;
  readonly workloadGroups: NamedChanges;
  readonly issuers: NamedChanges;
  /** `strictErrors`, `staleAfterSeconds`. */
  readonly settings: LineChanges;
}

/** Of the schema nothing is listed: its actions are those of the services, and what is added to it shows in policies. */
export function diffReleases(before: Release, after: Release): ReleaseDiff {
  const policies = diffPolicies(before.policies, after.policies);
  const named = {
    services: compareBy(before.services, after.services, ({ name }) => name, serviceLines),
    teams: compareBy(before.teams, after.teams, ({ name }) => name, memberLines),
    workloadGroups: compareBy(before.workloadGroups, after.workloadGroups, ({ name }) => name, memberLines),
    issuers: compareBy(before.issuers, after.issuers, ({ issuer }) => issuer, memberLines),
  };
  const settings = compareLines(settingLines(before), settingLines(after));
  const hasAny = ({ added, removed, changed }: NamedChanges | PolicyChanges) =>
    added.length + removed.length + changed.length > 0;
  const isEmpty = ![policies, ...Object.values(named)].some(hasAny) && !hasChanges(settings);
  return { isEmpty, policies, ...named, settings };
}

function compareBy<T>(
  before: readonly T[],
  after: readonly T[],
  nameOf: (item: T) => string,
  linesOf: (item: T) => readonly string[],
): NamedChanges {
  const byName = (items: readonly T[]) => new Map(items.map((item) => [nameOf(item), item]));
  return compareNamed(byName(before), byName(after), linesOf);
}

function settingLines({ strictErrors, staleAfterSeconds }: Release): string[] {
  return memberLines({ strictErrors, staleAfterSeconds });
}

function serviceLines({ routes, ...members }: Service): string[] {
  return [...memberLines(members), ...routes.flatMap(routeLines)];
}

/** One line for each method, so that a method more is one line more. */
function routeLines({ action, methods, path, groups, user }: Route): string[] {
  const of = groups.length === 0 ? '' : ` in ${[...groups].sort().join(', ')}`;
  const forUser = user === undefined ? '' : `, user: ${user}`;
  return methods.map((method) => `route ${method} ${path}: ${action}${of}${forUser}`);
}

/** `member: value`, a line for each item of a list and each entry of a mapping. */
function memberLines(item: object): string[] {
  return Object.entries(item).flatMap(([name, value]) => {
    if (Array.isArray(value)) return value.map((element) => `${name}: ${element}`);
    if (typeof value !== 'object' || value === null) return [`${name}: ${value}`];
    return Object.entries(value).map(([key, element]) => `${name}.${key}: ${element}`);
  });
}
