/** Requests that come to other policies than before, because routes, groups, owners or scopes changed. */
import { applicablePolicies } from '../derived_policies.ts';
import { actionId, routesOf } from '../release/actions.ts';
import type { LoadedRelease, ReleasedPolicy, Route, Service, UserRequirement } from '../release/index.ts';
import { parseTarget } from '../routing/index.ts';
import type { Widening, WideningCode } from './widening.ts';

/** In the place of a parameter: nobody names a route so. */
const SEGMENT = 'postern-probe';
const OPENNESS: { readonly [U in UserRequirement]: number } = { required: 0, optional: 1, none: 2 };
const MAX_NAMED = 3;

/**
 * Asks for one request of each method and path that either release routes, and compares what both make of it. A path that
 * is no longer there may be taken by a more general one, and one that is new may have been.
 */
export function routeWidenings(before: LoadedRelease, after: LoadedRelease): Widening[] {
  const found = new Found();
  const sides = [sideOf(before), sideOf(after)] as const;
  for (const { service } of after.services.values()) {
    const earlier = before.services.get(service.name)?.service;
    for (const probe of probesOf([earlier, service])) compare(sides, service.name, probe, found);
  }
  return found.list();
}

/** A release with what is asked of it for many requests. */
interface Side {
  readonly loaded: LoadedRelease;
  readonly policies: ReadonlySet<string>;
  /** Of an action, by `keyOf`. */
  policiesOf(service: string, route: Route): ReadonlyMap<string, ReleasedPolicy>;
}

function sideOf(loaded: LoadedRelease): Side {
  const known = new Map<string, ReadonlyMap<string, ReleasedPolicy>>();
  return {
    loaded,
    policies: new Set(loaded.release.policies.map(keyOf)),
    policiesOf(service, { action }) {
      const id = actionId(service, action);
      let policies = known.get(id);
      if (policies === undefined) {
        policies = new Map(applicablePolicies(loaded, service, id).map((policy) => [keyOf(policy), policy]));
        known.set(id, policies);
      }
      return policies;
    },
  };
}

/** A policy without `@id` is the same where it says the same: its name is its place. */
function keyOf({ id, annotations, digest }: ReleasedPolicy): string {
  return Object.hasOwn(annotations, 'id') ? `id ${id}` : `digest ${digest}`;
}

interface Probe {
  readonly method: string;
  readonly path: string;
}

function probesOf(services: readonly (Service | undefined)[]): Iterable<Probe> {
  const probes = new Map<string, Probe>();
  for (const service of services) {
    for (const { methods, path } of service === undefined ? [] : routesOf(service)) {
      for (const method of methods) probes.set(`${method} ${path}`, { method, path });
    }
  }
  return probes.values();
}

const NO_POLICIES: ReadonlyMap<string, ReleasedPolicy> = new Map();

function compare([before, after]: readonly [Side, Side], service: string, probe: Probe, found: Found): void {
  const from = routed(before.loaded, service, probe);
  const to = routed(after.loaded, service, probe);
  if (to === undefined) return;
  const left = from === undefined ? NO_POLICIES : before.policiesOf(service, from);
  const right = after.policiesOf(service, to);
  const add = (code: WideningCode, message: string) => found.add(code, service, message, probe);
  // Those that only one release has are told of by themselves.
  for (const [key, { effect, id }] of right) {
    if (effect === 'permit' && !left.has(key) && before.policies.has(key))
      add('route-wider', `the permit ${id} is about it now`);
  }
  for (const [key, { effect, id }] of left) {
    if (effect === 'forbid' && !right.has(key) && after.policies.has(key))
      add('route-wider', `the forbid ${id} is not about it any more`);
  }
  const was = from && (from.user ?? before.loaded.services.get(service)?.service.user);
  const is = to.user ?? after.loaded.services.get(service)?.service.user;
  if (was !== undefined && is !== undefined && OPENNESS[is] > OPENNESS[was])
    add('user-less-required', `\`user\` is \`${is}\`, and was \`${was}\``);
}

function routed(loaded: LoadedRelease, name: string, { method, path }: Probe): Route | undefined {
  const service = loaded.services.get(name);
  const target = parseTarget(path.replace(/\{[^{}/]*\}/g, SEGMENT), { pathParameters: 'keep' });
  if (service === undefined || !target.ok) return undefined;
  const route = service.router.match(method, target.value.segments);
  return route.ok ? route.value : undefined;
}

/** One entry for all requests of a service of which the same is to be said. */
class Found {
  readonly #probes = new Map<string, { code: WideningCode; service: string; message: string; probes: Probe[] }>();

  add(code: WideningCode, service: string, message: string, probe: Probe): void {
    const key = JSON.stringify([code, service, message]);
    const known = this.#probes.get(key);
    if (known === undefined) this.#probes.set(key, { code, service, message, probes: [probe] });
    else known.probes.push(probe);
  }

  list(): Widening[] {
    return [...this.#probes.values()].map(({ code, service, message, probes }) => {
      const named = probes.slice(0, MAX_NAMED).map(({ method, path }) => `${method} ${path}`);
      const rest = probes.length - named.length;
      const requests = [...named, ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
      return { code, subject: service, message: `${requests}: ${message}` };
    });
  }
}
