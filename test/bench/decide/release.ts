/** The policies as a release, as a decision point receives it. */
import { createHash } from 'node:crypto';
import { RELEASE_FORMAT, type Release, type ReleasedPolicy, type Service } from '@postern/policy-engine';
import { parseToJson } from './cedar_wasm.ts';
import { type BenchPolicy, type PolicyWorld, VERBS } from './policies.ts';

export type ReleasedWorld = PolicyWorld & { readonly release: Release };

/**
 * Assembled by hand: what publishing checks besides takes minutes for 10,000 policies and changes nothing of them.
 * Parsing them takes seconds all the same, so a release is made once.
 */
export function releaseWorld(world: PolicyWorld): ReleasedWorld {
  const release: Release = {
    format: RELEASE_FORMAT,
    trustDomain: 'bench.test',
    number: 1,
    madeAtMs: 0,
    staleAfterSeconds: 86_400,
    ring: 'default',
    contentDigest: createHash('sha256').update('bench').digest('hex'),
    policies: world.policies.map(releasedPolicy),
    schema: '',
    services: world.services.map(serviceOf),
    teams: world.teams.map((name) => ({ name })),
    workloadGroups: [],
    issuers: [],
    nextSigners: [],
    strictErrors: true,
  };
  return { ...world, release };
}

function releasedPolicy({ id, effect, cedar }: BenchPolicy, index: number): ReleasedPolicy {
  const digest = createHash('sha256').update(cedar).digest('hex');
  const place = { level: 'org', file: 'org/bench.cedar', line: index + 1 } as const;
  return { id, effect, ...place, annotations: { id }, json: parseToJson(cedar), digest };
}

function serviceOf({ name, team }: PolicyWorld['services'][number]): Service {
  return {
    name,
    owner: team,
    hosts: [`${name}.bench.test`],
    spiffeIds: [`spiffe://bench.test/${name}`],
    enforcementPoints: [`spiffe://bench.test/${name}`],
    user: 'required',
    assurance: ['certificate'],
    pathParameters: 'reject',
    mode: 'enforce',
    whenStale: 'deny',
    feedStaleAfterSeconds: 30,
    routes: VERBS.map((verb) => ({
      action: verb,
      methods: [verb === 'read' ? 'GET' : 'POST'],
      path: '/{rest*}',
      groups: [verb],
    })),
    identityHeaders: true,
  };
}
