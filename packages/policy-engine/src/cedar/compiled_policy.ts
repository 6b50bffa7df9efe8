/** A policy of a set: checked when the set is made, compiled when a request first needs it. */
import { applicabilityOf, type EntityCondition } from './applicability.ts';
import type { Test } from './compile.ts';
import type { ConditionCompiler } from './condition_compiler.ts';
import { ACTION, type EntityKeys, PRINCIPAL, RESOURCE, type RequestKeys } from './entity_keys.ts';
import type { Frame } from './frame.ts';
import type { Effect, Policy, PolicyHead, ScopeConstraint } from './policy.ts';
import type { Asked, AskedKeys, EntityPlace, Indexed } from './policy_index.ts';

const ANY = -1;

export type ReadPolicy = (json: unknown) => Policy;

/**
 * Holds no expressions until it is needed: 10,000 policies as closures and trees would be most of an agent's memory, and
 * compiling them most of a function's cold start. The scope is kept as integers (see `EntityKeys`), so that testing it
 * touches no text of the policy.
 */
export class CompiledPolicy implements Indexed {
  readonly id: string;
  readonly effect: Effect;
  /** Place in the policy set, the order of every answer. */
  readonly ordinal: number;
  /** Number of the last authorization that met this policy; the index may yield one twice. */
  lastSeen = 0;
  readonly #principal: number;
  readonly #principalType: number;
  readonly #resource: number;
  readonly #resourceType: number;
  readonly #action: number | readonly number[];
  #tests: readonly Test[] | undefined;
  #askedByConditions: Asked | undefined;
  readonly #keys: EntityKeys;
  readonly #json: unknown;
  readonly #read: ReadPolicy;

  /** `read` makes the policy that `head` is of from its `json`; one for all policies of a set, which may be many. */
  constructor(id: string, ordinal: number, head: PolicyHead, keys: EntityKeys, json: unknown, read: ReadPolicy) {
    const { principal, action, resource } = head;
    this.id = id;
    this.effect = head.effect;
    this.ordinal = ordinal;
    this.#principal = entityKeyOf(principal, keys);
    this.#principalType = principal.op === 'is' ? keys.is(principal.type) : ANY;
    this.#resource = entityKeyOf(resource, keys);
    this.#resourceType = resource.op === 'is' ? keys.is(resource.type) : ANY;
    this.#action = action.op === 'all' ? ANY : keys.keysFor(action);
    this.#keys = keys;
    this.#json = json;
    this.#read = read;
  }

  /** What the scope asks of principal, action or resource. */
  keysByScope(place: EntityPlace): AskedKeys {
    switch (place) {
      case PRINCIPAL:
        return askedKeyOf(this.#principal === ANY ? this.#principalType : this.#principal);
      case ACTION:
        return askedKeyOf(this.#action);
      case RESOURCE:
        return askedKeyOf(this.#resource === ANY ? this.#resourceType : this.#resource);
    }
  }

  /** What scope and conditions together ask for; worked out where the scopes of many policies are alike. */
  get asked(): Asked {
    if (this.#askedByConditions === undefined) {
      const { principal, action, resource, attribute } = applicabilityOf(this.policy);
      const keysOf = (condition: EntityCondition | undefined) => condition && this.#keys.keysFor(condition);
      this.#askedByConditions = { entities: [keysOf(principal), keysOf(action), keysOf(resource)], attribute };
    }
    return this.#askedByConditions;
  }

  /** The whole scope, which cannot fail. */
  scopeMatches(request: RequestKeys): boolean {
    return (
      fits(request[RESOURCE], this.#resource) &&
      fits(request[ACTION], this.#action) &&
      fits(request[PRINCIPAL], this.#principal) &&
      fits(request[PRINCIPAL], this.#principalType) &&
      fits(request[RESOURCE], this.#resourceType)
    );
  }

  /** Whether all conditions hold, the scope aside; throws `EvaluationError`. */
  conditionsHold(frame: Frame, compiler: ConditionCompiler): boolean {
    this.#tests ??= compiler.compile(this.policy);
    const tests = this.#tests;
    for (let index = 0; index < tests.length; index++) if (!tests[index]!(frame)) return false;
    return true;
  }

  get policy(): Policy {
    return this.#read(this.#json);
  }
}

/** `is T in ?` asks for two things; here what it is in. */
function entityKeyOf(scope: ScopeConstraint, keys: EntityKeys): number {
  if (scope.op === 'all' || scope.uid === undefined) return ANY;
  return scope.op === '==' ? keys.equals(scope.uid) : keys.within(scope.uid);
}

function askedKeyOf(key: number | readonly number[]): AskedKeys {
  return key === ANY ? undefined : key;
}

/** `asked`: one key, or any one of several. */
function fits(keys: readonly number[], asked: number | readonly number[]): boolean {
  if (typeof asked !== 'number') return asked.some((key) => keys.includes(key));
  if (asked === ANY) return true;
  for (let index = 0; index < keys.length; index++) if (keys[index] === asked) return true;
  return false;
}
