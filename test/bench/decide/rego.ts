/** The same policies in OPA's language: one rule for each, with the conditions in their order. */
import {
  type BenchPermit,
  MAX_SIGN_IN_AGE_SECONDS,
  type PolicyWorld,
  WORK_BEGINS_HOUR,
  WORK_ENDS_HOUR,
} from './policies.ts';

const HEAD = `package bench

default decision := "deny"

decision := "allow" if {
  permitted
  not forbidden
}
`;

export function regoOf({ permits, teams }: PolicyWorld): string {
  return [HEAD, ...permits.map(permitRule), ...teams.map(forbidRule)].join('\n');
}

/** Says less than a Cedar engine answers: not which policy decided. OPA is as fast either way. */
function permitRule({ group, service, verb, pathPrefix, network }: BenchPermit): string {
  return `permitted if {
  input.action == "${service}:${verb}"
  input.resource.service == "${service}"
  "${group}" in input.principal.groups
  startswith(input.context.request.path, "${pathPrefix}")
  input.context.auth.ageSeconds <= ${MAX_SIGN_IN_AGE_SECONDS}
  "mfa" in input.context.auth.amr
  input.context.device.compliant
  input.context.local.hour >= ${WORK_BEGINS_HOUR}
  input.context.local.hour < ${WORK_ENDS_HOUR}
  net.cidr_contains("10.${network}.0.0/16", input.context.network.sourceIp)
}
`;
}

function forbidRule(team: string): string {
  return `forbidden if {
  input.resource.team == "${team}"
  not input.context.device.managed
}
`;
}
