/** The files of a policy repository: one service behind the proxy, and the policies of many others around it. */
import { createPolicyWorld, VERBS } from '../decide/policies.ts';

export const TRUST_DOMAIN = 'bench.test';
export const SERVICE = 'payments';
export const SERVICE_HOST = 'payments.bench.test';
export const SERVICE_ID = `spiffe://${TRUST_DOMAIN}/payments`;
export const CALLER_ID = `spiffe://${TRUST_DOMAIN}/storefront`;
export const GROUP = 'support';
export const AUDIENCE = 'https://services.bench.test';

/** Checking takes longer with each action, so the other services are fewer and have more policies each. */
const OTHER_SERVICES = 20;

/** `count`: of policies besides those of the service itself. `issuer`: of user tokens. */
export function policyFiles(count: number, issuer: string): { [path: string]: string } {
  const { policies, services, teams } = createPolicyWorld(count, OTHER_SERVICES);
  return {
    'postern.yaml': settings(teams, issuer),
    'services/payments.yaml': PAYMENTS,
    ...Object.fromEntries(services.map(({ name, team }) => [`services/${name}.yaml`, otherService(name, team)])),
    'org/bench.cedar': policies.map(({ id, cedar }) => `@id("${id}")\n${cedar}\n`).join('\n'),
    'teams/finance/payments.cedar': PAYMENTS_POLICIES,
  };
}

const PAYMENTS = `name: ${SERVICE}
owner: finance
hosts: [${SERVICE_HOST}]
spiffeIds: [${SERVICE_ID}]
enforcementPoints: [${SERVICE_ID}]
user: required
assurance: [certificate, xfcc-certificate]
routes:
  - { action: refund, methods: [POST], path: /refunds, groups: [write] }
  - { action: balance, methods: [GET], path: '/accounts/{id}/balance', groups: [read] }
`;

/** What a permit of the others asks for, with bounds that hold at any hour and on this machine. */
const PAYMENTS_POLICIES = `@id("storefront")
permit (principal == Workload::"${CALLER_ID}", action, resource == Service::"${SERVICE}");

@id("support-reads")
permit (principal in Group::"${GROUP}", action == Action::"${SERVICE}:balance", resource == Service::"${SERVICE}")
when {
  context.request.path like "/accounts/*" &&
  context has auth && context.auth.ageSeconds <= 3600 && context.auth.amr.contains("mfa") &&
  context has device && context.device.compliant &&
  context.local.hour >= 0 && context.local.hour <= 23 &&
  context.network has sourceIp && context.network.sourceIp.isInRange(ip("127.0.0.0/8"))
};
`;

function settings(teams: readonly string[], issuer: string): string {
  return `teams:
  finance: {}
${teams.map((team) => `  ${team}: {}\n`).join('')}
issuers:
  - issuer: ${issuer}
    audiences: [${AUDIENCE}]
    algorithms: [ES256]
    tokens: [access-token]
    groupsClaim: groups
    groups: { ${GROUP}: ${GROUP} }
    deviceClaim: device_id
`;
}

function otherService(name: string, team: string): string {
  return `name: ${name}
owner: ${team}
hosts: [${name}.bench.test]
spiffeIds: [spiffe://${TRUST_DOMAIN}/${name}]
enforcementPoints: [spiffe://${TRUST_DOMAIN}/${name}]
routes:
${VERBS.map((verb) => `  - { action: ${verb}, methods: [${verb === 'read' ? 'GET' : 'POST'}], path: '/{rest*}', groups: [${verb}] }\n`).join('')}`;
}
