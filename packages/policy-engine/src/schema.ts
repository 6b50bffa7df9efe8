/** The Cedar schema that every policy of a release is validated against: Postern's model and the release's actions. */
import { formatText } from './cedar/index.ts';
import { ACTION_GROUPS, actionsOf } from './release/actions.ts';
import type { Service } from './release/release.ts';

/** What each attribute is, where it comes from and what its absence means: docs/context.md. */
export const BASE_SCHEMA = `entity Team in [Team];
entity Group;
entity WorkloadGroup;
entity Workload in [Team, WorkloadGroup] { trustDomain: String, path: String };
entity User in [Group] { issuer: String, subject: String, email?: String };
entity Anonymous enum ["user", "workload"];
entity Device;
entity Service in [Team];

type RequestContext = {
  now: datetime,
  request: { method: String, path: String, host: String },
  network: { sourceIp?: ipaddr },
  local: { hour: Long, weekday: Long, minuteOfDay: Long },
  workload?: { spiffeId: String, trustDomain: String, path: String, assurance: String, notAfter: datetime },
  user?: { issuer: String, subject: String, email?: String, groups: Set<String> },
  auth?: { time: datetime, ageSeconds: Long, acr?: String, amr: Set<String> },
  device?: {
    id: String,
    known: Bool,
    compliant: Bool,
    managed: Bool,
    posture: String,
    platform?: String,
    osVersion?: String,
    diskEncrypted?: Bool,
    observedAt?: datetime,
  },
};
`;

/** `BASE_SCHEMA` and one action per operation of each service, in its groups. */
export function schemaOf(services: readonly Service[]): string {
  const groups = new Set<string>(ACTION_GROUPS);
  const lines: string[] = [];
  for (const service of services) {
    for (const [id, groupIds] of actionsOf(service)) {
      for (const group of groupIds) groups.add(group);
      const parents = groupIds.length === 0 ? '' : ` in [${groupIds.map(formatText).join(', ')}]`;
      lines.push(`action ${formatText(id)}${parents} appliesTo {
  principal: [Workload, User, Anonymous],
  resource: [Service],
  context: RequestContext,
};`);
    }
  }
  const declared = [...groups].map((group) => `action ${formatText(group)};`);
  return `${BASE_SCHEMA}\n${[...declared, ...lines].join('\n')}\n`;
}
