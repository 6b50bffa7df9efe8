/** A policy of a set: checked when the set is made, compiled when a request first needs it. */
import { applicabilityOf, type EntityCondition, type EntityScope, scopeOf } from './applicability.ts';
import type { Test } from './compile.ts';
import type { ConditionCompiler } from './condition_compiler.ts';
import type { EntityKeys, RequestKeys } from './entity_keys.ts';
import type { Frame } from './frame.ts';
import type { Effect, Policy, PolicyOutline } from './policy.ts';
import type { Asked, Indexed } from './policy_index.ts';

const ANY = -1;

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
  /** What the scope asks for, and what scope and conditions together ask for. */
  readonly askedByScope: Asked;
  readonly asked: Asked;
  readonly #load: () => Policy;

  /** `load` makes the policy that `outline` is of. */
  constructor(id: string, ordinal: number, outline: PolicyOutline, keys: EntityKeys, load: () => Policy) {
    const keysOf = (condition: EntityCondition | undefined) => condition && keys.keysFor(condition);
    const one = (condition: EntityCondition | undefined) => keysOf(condition)?.[0] ?? ANY;
    const narrowest = ({ entity, type }: EntityScope) => keysOf(entity ?? type);
    const { principal, action, resource } = scopeOf(outline);
    const applicability = applicabilityOf(outline);
    const actions = keysOf(action);
    const [firstAction] = actions ?? [ANY];
    this.id = id;
    this.effect = outline.effect;
    this.ordinal = ordinal;
    this.#principal = one(principal.entity);
    this.#principalType = one(principal.type);
    this.#resource = one(resource.entity);
    this.#resourceType = one(resource.type);
    this.#action = firstAction !== undefined && (actions?.length ?? 1) === 1 ? firstAction : (actions ?? ANY);
    this.askedByScope = {
      principal: narrowest(principal),
      action: actions,
      resource: narrowest(resource),
      attribute: undefined,
    };
    this.asked = {
      principal: keysOf(applicability.principal),
      action: keysOf(applicability.action),
      resource: keysOf(applicability.resource),
      attribute: applicability.attribute,
    };
    this.#load = load;
  }

  /** The whole scope, which cannot fail. */
  scopeMatches(request: RequestKeys): boolean {
    return (
      (this.#principal === ANY || request.principal.includes(this.#principal)) &&
      (this.#resource === ANY || request.resource.includes(this.#resource)) &&
      (this.#principalType === ANY || request.principal.includes(this.#principalType)) &&
      (this.#resourceType === ANY || request.resource.includes(this.#resourceType)) &&
      this.#actionMatches(request.action)
    );
  }

  #actionMatches(keys: readonly number[]): boolean {
    const action = this.#action;
    if (typeof action === 'number') return action === ANY || keys.includes(action);
    return action.some((key) => keys.includes(key));
  }

  /** Whether all conditions hold, the scope aside; throws `EvaluationError`. */
  conditionsHold(frame: Frame, compiler: ConditionCompiler): boolean {
    this.#tests ??= compiler.compile(this.#load().clauses);
    for (const test of this.#tests) if (!test(frame)) return false;
    return true;
  }

  get policy(): Policy {
    return this.#load();
  }
}
