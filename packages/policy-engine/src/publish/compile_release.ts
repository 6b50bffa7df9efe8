/**
 * A policy repository becomes a release. Everything that is wrong with it is found here, with its place; what passes is
 * decided by as it stands.
 */
import { createHash } from 'node:crypto';
import { type Entities, formatUid, type PolicyJson, policyFromJson } from '../cedar/index.ts';
import { actionUid } from '../model.ts';
import { actionsOf } from '../release/actions.ts';
import { formatCanonical } from '../release/canonical.ts';
import { entitiesOfRelease } from '../release/entities.ts';
import { formatRelease } from '../release/format.ts';
import { loadRelease } from '../release/load.ts';
import { MAX_RELEASE_BYTES, RELEASE_FORMAT, type Release, type ReleasedPolicy, type Team } from '../release/release.ts';
import { schemaOf } from '../schema.ts';
import { checkSchema, validatePolicies } from './cedar_wasm.ts';
import { clausePlaces } from './clause_places.ts';
import { whySchemaTooComplex } from './expression_bounds.ts';
import { lintPolicies } from './lint/lint_policies.ts';
import { didYouMean, nearName } from './near_name.ts';
import { readPolicyTests } from './policy_test_file.ts';
import { type CompileProblem, Problems } from './problem.ts';
import { type PolicyFile, readPolicies } from './read_policies.ts';
import { readServices, type ServiceFile } from './read_services.ts';
import { readSettings, type Settings } from './read_settings.ts';
import { type Repository, readRepository } from './repository.ts';
import { createSource, lineOf, type Place, placeOf } from './source.ts';
import { isOwnedBy, type Operation, reachOf, scopeToTeam } from './team_scope.ts';
import { checkNamedEntities } from './unknown_entities.ts';

export interface CompileInput {
  /** Untrusted text by path relative to the policy repository's root, with slashes. */
  readonly files: ReadonlyMap<string, string>;
  readonly trustDomain: string;
  readonly number: number;
  readonly nowMs: number;
  /** `default` when absent. */
  readonly ring?: string;
  /** Who may sign the release after this one. */
  readonly nextSigners: Release['nextSigners'];
  /** `postern.yaml` may say otherwise; one day when neither does. */
  readonly staleAfterSeconds?: number;
}

export type Compilation =
  | { readonly ok: true; readonly release: Release; readonly warnings: readonly CompileProblem[] }
  | { readonly ok: false; readonly problems: readonly CompileProblem[] };

const DEFAULT_STALE_AFTER_SECONDS = 86_400;

/**
 * Reads, checks and assembles. Either there is a release that a decision point will load, or there are problems and
 * nothing to publish. No I/O. Nearly all of its cost is Cedar's validation, which looks at each policy for each action
 * and kind of principal: 1,000 policies for 400 actions take seconds, so this is no work for a request.
 */
export function compileRelease(input: CompileInput): Compilation {
  return compile(input, new Problems(), () => {});
}

/**
 * `compileRelease`, warnings of what compiles and yet cannot be meant, and mistakes in the tests: for whoever writes
 * policies. Compares policies with each other, which publishing has no use for.
 */
export function checkRepository(input: CompileInput): Compilation {
  const problems = new Problems();
  const compilation = compile(input, problems, ({ policies, release, operations, entities }) =>
    lintPolicies(policies, release, operations, entities, problems),
  );
  readPolicyTests(input.files, compilation.ok ? compilation.release : undefined, problems);
  if (!compilation.ok || problems.hasErrors) return { ok: false, problems: problems.list() };
  return { ...compilation, warnings: problems.list('warning') };
}

/** What further checks look at. */
interface Compiled {
  readonly policies: readonly PolicyFile[];
  readonly release: Release;
  readonly operations: readonly Operation[];
  readonly entities: Entities;
}

function compile(input: CompileInput, problems: Problems, checkFurther: (compiled: Compiled) => void): Compilation {
  const repository = readRepository(input.files, problems);
  const settings = readSettings(repository.settings, problems);
  const services = readServices(repository, input.trustDomain, input.nowMs, problems);
  const teams = teamsOf(settings, services, repository, problems);
  const own = repository.schema ?? createSource('schema.cedarschema', '');
  const schema = schemaOf(services.map(({ service }) => service)) + own.text;
  const ownPlace = placeOf(own, 0, own.text.length);
  const complexity = whySchemaTooComplex(ownPlace);
  if (complexity !== undefined) problems.error('schema-too-complex', ownPlace, complexity);
  else {
    for (const { place, message } of checkSchema(schema, ownPlace)) problems.error('schema-malformed', place, message);
  }
  const isSound = !problems.hasErrors;
  const policies = readPolicies(repository.policies, problems);
  // What policies name is known: those that can be read are checked beside those that cannot.
  if (!isSound) return { ok: false, problems: problems.list() };

  const draft: Release = {
    format: RELEASE_FORMAT,
    trustDomain: input.trustDomain,
    number: input.number,
    madeAtMs: input.nowMs,
    staleAfterSeconds: settings.staleAfterSeconds ?? input.staleAfterSeconds ?? DEFAULT_STALE_AFTER_SECONDS,
    ring: input.ring ?? 'default',
    contentDigest: '',
    policies: policies.map(releasedPolicy),
    schema,
    services: services.map(({ service }) => service),
    teams,
    workloadGroups: settings.workloadGroups,
    issuers: settings.issuers,
    nextSigners: input.nextSigners,
    strictErrors: settings.strictErrors,
  };
  const valid = checkNamedEntities(checkPolicies(draft, policies, problems), draft, problems);
  for (const policy of valid) checkReadable(policy, problems);
  const entities = entitiesOfRelease(draft);
  const operations = operationsOf(draft);
  if (entities.ok) for (const policy of valid) checkReach(policy, operations, entities.value, problems);
  const release = { ...draft, contentDigest: digestOf(contentOf(draft)) };
  if (!problems.hasErrors) checkLoads(release, problems);
  if (problems.hasErrors) return { ok: false, problems: problems.list() };
  if (entities.ok) checkFurther({ policies, release, operations, entities: entities.value });
  return { ok: true, release, warnings: problems.list('warning') };
}

/** Teams as declared; without a declaration, those that own services. */
function teamsOf(
  settings: Settings,
  services: readonly ServiceFile[],
  repository: Repository,
  problems: Problems,
): readonly Team[] {
  const owners = new Set(services.map(({ service }) => service.owner));
  const teams = settings.teams ?? new Map([...owners].map((name) => [name, { value: { name } }]));
  for (const { service, ownerPlace } of services) {
    if (!teams.has(service.owner)) {
      const near = didYouMean(service.owner, teams.keys());
      problems.error('service-owner-unknown', ownerPlace, `there is no team \`${service.owner}\`${near}`);
    }
  }
  for (const { source, team } of repository.policies) {
    if (team !== undefined && !teams.has(team))
      problems.error('team-unknown', placeOf(source), `there is no team \`${team}\`${didYouMean(team, teams.keys())}`);
  }
  return [...teams.values()].map(({ value }) => value);
}

function releasedPolicy({ id, place, team, json, annotations }: PolicyFile): ReleasedPolicy {
  const scoped = team === undefined ? json : scopeToTeam(json, team);
  return {
    id,
    effect: json.effect,
    level: team === undefined ? 'org' : 'team',
    ...(team !== undefined && { team }),
    file: place.source.file,
    line: lineOf(place),
    clauseLines: clauseLinesOf(place, scoped),
    annotations,
    json: scoped,
    digest: digestOf(scoped),
  };
}

/** A team's condition, where one was put before the others, stands where the policy does. */
function clauseLinesOf(place: Place, { conditions }: PolicyJson): readonly number[] {
  const written = clausePlaces(place).map(lineOf);
  return [...conditions.slice(written.length).map(() => lineOf(place)), ...written];
}

/** Cedar's words for a policy whose types leave no request to apply to. */
const IMPOSSIBLE = /^policy is impossible/;

const UNKNOWN_ACTION = /^unrecognized action `Action::"([^"\\]*)"`/;

/** Cedar names any action of those that are near, and one where none is. */
function withNearAction(message: string, actions: ReadonlySet<string>): string {
  const [head, name] = UNKNOWN_ACTION.exec(message) ?? [];
  if (head === undefined || name === undefined) return message;
  const near = nearName(name, actions);
  return near === undefined ? head : `${head}; did you mean \`${formatUid(actionUid(near))}\`?`;
}

/** Gives the policies without an error: what else is odd about one with an error is mostly the same mistake again. */
function checkPolicies(draft: Release, policies: readonly PolicyFile[], problems: Problems): readonly PolicyFile[] {
  const { errors, warnings } = validatePolicies(
    draft.schema,
    policies.map(({ place }) => place),
  );
  const invalid = new Set(errors.map(({ index }) => index));
  const actions = new Set(draft.services.flatMap((service) => [...actionsOf(service)].flat(2)));
  for (const { place, message } of errors) problems.error('policy-invalid', place, withNearAction(message, actions));
  for (const { index, place, message } of warnings) {
    if (invalid.has(index)) continue;
    problems.warning(IMPOSSIBLE.test(message) ? 'policy-impossible' : 'policy-suspicious', place, message);
  }
  return policies.filter((_, index) => !invalid.has(index));
}

function operationsOf(release: Release): readonly Operation[] {
  return release.services.flatMap((service) =>
    [...actionsOf(service).keys()].map((action) => ({ service: service.name, action })),
  );
}

function checkReach(
  policy: PolicyFile,
  operations: readonly Operation[],
  entities: Entities,
  problems: Problems,
): void {
  const { team, place } = policy;
  const reach = reachOf(policy.json, operations, entities);
  if (team === undefined) {
    if (reach.length === 0)
      problems.warning('policy-never-applies', place, 'no service has an action that this applies to');
  } else if (!reach.some(({ service }) => isOwnedBy(entities, service, team))) {
    const others = [...new Set(reach.map(({ service }) => service))].slice(0, 3);
    const why = others.length === 0 ? 'to nothing there is' : `to ${others.join(', ')}, which it does not own`;
    problems.error('team-policy-outside', place, `a policy of team \`${team}\` can apply only ${why}`);
  }
}

/** What makes two releases the same in what they decide; the rest is when and by whom. */
function contentOf(release: Release): Partial<Release> {
  const { policies, schema, services, teams, workloadGroups, issuers, strictErrors } = release;
  return { policies, schema, services, teams, workloadGroups, issuers, strictErrors };
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(formatCanonical(value)).digest('hex');
}

/** What Cedar takes and a decision point would not, for its depth or size. */
function checkReadable({ json, place }: PolicyFile, problems: Problems): void {
  const read = policyFromJson(json);
  if (read.ok) return;
  const why = `${read.reason} ${read.detail ?? ''}`.trim();
  problems.error('policy-not-loadable', place, `a decision point would refuse it: ${why}`);
}

/** The last word is the decision point's own. */
function checkLoads(release: Release, problems: Problems): void {
  const nowhere = placeOf(createSource('', ''));
  const bytes = formatRelease(release).length;
  if (bytes > MAX_RELEASE_BYTES) problems.error('release-too-large', nowhere, `the release has ${bytes} bytes`);
  const loaded = loadRelease(release);
  if (!loaded.ok) problems.error('release-not-loadable', nowhere, `${loaded.reason}: ${loaded.detail ?? ''}`);
}
