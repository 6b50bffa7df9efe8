/** A release for tests, made from a few lines of Cedar. */
import { policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import {
  type LoadedRelease,
  loadRelease,
  RELEASE_FORMAT,
  type Release,
  type ReleasedPolicy,
  type Service,
} from '@postern/policy-engine';

/** `org` or the team that wrote it, and the policy; its name is its place in the list unless `@id` says otherwise. */
export type PolicySource = readonly [level: string, cedar: string];

function releasedPolicy([level, cedar]: PolicySource, index: number): ReleasedPolicy {
  const parsed = policyToJson(cedar);
  if (parsed.type === 'failure') throw new Error(parsed.errors.map((error) => error.message).join('; '));
  const annotations = (parsed.json.annotations ?? {}) as { readonly [name: string]: string };
  return {
    id: annotations['id'] ?? `policy${index}`,
    effect: parsed.json.effect,
    ...(level === 'org' ? { level: 'org' as const } : { level: 'team' as const, team: level }),
    file: level === 'org' ? 'org/test.cedar' : `teams/${level}/test.cedar`,
    line: index + 1,
    annotations,
    json: parsed.json,
    digest: '',
  };
}

/** A service with every default. */
export function testService(change: Partial<Service> & Pick<Service, 'name'>): Service {
  return {
    owner: 'finance',
    hosts: [`${change.name}.demo.test`],
    spiffeIds: [`spiffe://demo.test/${change.name}`],
    enforcementPoints: [`spiffe://demo.test/${change.name}`],
    user: 'required',
    assurance: ['certificate'],
    pathParameters: 'reject',
    mode: 'enforce',
    whenStale: 'deny',
    feedStaleAfterSeconds: 30,
    routes: [],
    identityHeaders: true,
    ...change,
  };
}

export function testRelease(input: {
  readonly nowMs: number;
  readonly services: readonly Service[];
  readonly policies: readonly PolicySource[];
  readonly change?: Partial<Release>;
}): LoadedRelease {
  const loaded = loadRelease({
    format: RELEASE_FORMAT,
    trustDomain: 'demo.test',
    number: 7,
    madeAtMs: input.nowMs - 1000,
    staleAfterSeconds: 86_400,
    ring: 'default',
    contentDigest: '',
    policies: input.policies.map(releasedPolicy),
    schema: '',
    services: input.services,
    teams: [...new Set(input.services.map((service) => service.owner))].map((name) => ({ name })),
    workloadGroups: [],
    issuers: [],
    nextSigners: [],
    strictErrors: true,
    ...input.change,
  });
  if (!loaded.ok) throw new Error(`${loaded.reason} ${loaded.detail ?? ''}`);
  return loaded.value;
}
