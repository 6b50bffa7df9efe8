/**
 * Policies as an organisation with many services has them: each permit is about one group of people, one action of one
 * service, and asks for a path, a fresh sign-in, a compliant device, working hours and a network; one policy in twenty is
 * a team's forbid. The more policies, the more services, groups and teams: what applies to one request stays the same.
 */

export type BenchPolicy = { readonly id: string; readonly effect: 'permit' | 'forbid'; readonly cedar: string };

export type BenchPermit = {
  readonly group: string;
  readonly service: string;
  readonly verb: Verb;
  readonly pathPrefix: string;
  /** Second number of an address in 10.0.0.0/8. */
  readonly network: number;
};

export type Verb = (typeof VERBS)[number];

export type PolicyWorld = {
  readonly policies: readonly BenchPolicy[];
  readonly permits: readonly BenchPermit[];
  readonly services: readonly { readonly name: string; readonly team: string }[];
  readonly teams: readonly string[];
};

export const VERBS = ['read', 'write'] as const;
export const WORK_BEGINS_HOUR = 7;
export const WORK_ENDS_HOUR = 19;
export const MAX_SIGN_IN_AGE_SECONDS = 3600;

const FORBID_EVERY = 20;
const POLICIES_PER_SERVICE = 10;
const PERMITS_PER_GROUP = 5;
const NETWORKS = 200;

/** `count`: of policies, at least one forbid among them. `serviceCount`: so many that each has about ten policies. */
export function createPolicyWorld(
  count: number,
  serviceCount = Math.max(1, Math.round(count / POLICIES_PER_SERVICE)),
): PolicyWorld {
  const forbids = Math.max(1, Math.round(count / FORBID_EVERY));
  const teams = Array.from({ length: forbids }, (_, index) => `team-${index}`);
  const services = Array.from({ length: serviceCount }, (_, index) => ({
    name: `service-${index}`,
    team: teams[index % teams.length]!,
  }));
  const groups = Math.max(1, Math.round(count / PERMITS_PER_GROUP));
  const permits = Array.from({ length: count - forbids }, (_, index) => ({
    // 7 has no factor in common with the number of groups, so each service meets many of them.
    group: `group-${(index * 7) % groups}`,
    service: services[index % services.length]!.name,
    verb: VERBS[Math.floor(index / services.length) % VERBS.length]!,
    pathPrefix: `/area-${index % 9}/`,
    network: index % NETWORKS,
  }));
  const policies: BenchPolicy[] = [
    ...permits.map((permit, index) => ({
      id: `permit-${index}`,
      effect: 'permit' as const,
      cedar: permitText(permit),
    })),
    ...teams.map((team) => ({ id: `forbid-${team}`, effect: 'forbid' as const, cedar: forbidText(team) })),
  ];
  return { policies, permits, services, teams };
}

function permitText({ group, service, verb, pathPrefix, network }: BenchPermit): string {
  return `permit (
  principal in Group::"${group}",
  action == Action::"${service}:${verb}",
  resource == Service::"${service}"
) when {
  context.request.path like "${pathPrefix}*" &&
  context has auth && context.auth.ageSeconds <= ${MAX_SIGN_IN_AGE_SECONDS} && context.auth.amr.contains("mfa") &&
  context has device && context.device.compliant &&
  context.local.hour >= ${WORK_BEGINS_HOUR} && context.local.hour < ${WORK_ENDS_HOUR} &&
  context.network has sourceIp && context.network.sourceIp.isInRange(ip("10.${network}.0.0/16"))
};`;
}

function forbidText(team: string): string {
  return `forbid (principal, action, resource in Team::"${team}")
unless { context has device && context.device.managed };`;
}
