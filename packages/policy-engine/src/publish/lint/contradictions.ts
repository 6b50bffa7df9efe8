/** Conditions that no request satisfies together. */
import type { Value } from '../../cedar/index.ts';
import { actionId, routesOf } from '../../release/actions.ts';
import type { Service } from '../../release/release.ts';
import type { Operation } from '../team_scope.ts';
import { type Conjunct, simplify } from './conjuncts.ts';
import { amongFact, excludeEachOther, type Fact, factOf } from './facts.ts';
import { implies } from './implies.ts';
import type { JudgedPolicy } from './judged_policy.ts';

export interface Contradiction {
  /** Of the condition that the others rule out. */
  readonly clause: number;
  readonly message: string;
}

const range = (subject: string, low: number, high: number): Fact => ({
  subject,
  range: { kind: 'long', low: BigInt(low), high: BigInt(high) },
});

/** What values are at all (docs/context.md). */
const ALWAYS: readonly Fact[] = [
  range('context.local.hour', 0, 23),
  range('context.local.weekday', 1, 7),
  range('context.local.minuteOfDay', 0, 1439),
  { subject: 'context.auth.ageSeconds', range: { kind: 'long', low: 0n, high: 2n ** 63n - 1n } },
  amongFact('context.device.posture', ['compliant', 'non-compliant', 'unknown']),
];

/** The first condition that cannot hold, by itself or beside the others; `undefined` where a request may satisfy all. */
export function findContradiction(
  { conjuncts, reach }: JudgedPolicy,
  services: ReadonlyMap<string, Service>,
): Contradiction | undefined {
  const facts = [...ALWAYS, ...factsOfReach(reach, services)];
  for (const [index, conjunct] of conjuncts.entries()) {
    const message =
      whyNeverAlone(conjunct, facts) ??
      whyRefuted(conjunct, conjuncts) ??
      whyExcluded(conjunct, conjuncts.slice(0, index), facts);
    if (message !== undefined) return { clause: conjunct.clause, message };
  }
  return undefined;
}

function whyNeverAlone({ expression, key }: Conjunct, facts: readonly Fact[]): string | undefined {
  if (expression.kind === 'literal' && expression.value === false) return 'this is never true';
  const fact = factOf(expression);
  if (fact === undefined) return undefined;
  const known = facts.filter(({ subject }) => subject === fact.subject);
  return excludeEachOther([...known, fact]) ? `\`${key}\` is never true here` : undefined;
}

/** A negation of what the other conditions say. */
function whyRefuted({ expression, key }: Conjunct, conjuncts: readonly Conjunct[]): string | undefined {
  if (expression.kind !== 'unary' || expression.operator !== '!') return undefined;
  const refuting = simplify(expression.operand).map((part) =>
    conjuncts.find((other) => other.key !== key && implies(other.expression, part)),
  );
  return refuting.every((other) => other !== undefined) ? ruledOut(key, refuting) : undefined;
}

function whyExcluded(
  { expression, key }: Conjunct,
  before: readonly Conjunct[],
  facts: readonly Fact[],
): string | undefined {
  const fact = factOf(expression);
  if (fact === undefined) return undefined;
  const isAbout = (other: Fact | undefined) => other !== undefined && other.subject === fact.subject;
  const others = before.filter((conjunct) => isAbout(factOf(conjunct.expression)));
  const all = [...facts.filter(isAbout), ...others.flatMap((other) => factOf(other.expression) ?? []), fact];
  return others.length > 0 && excludeEachOther(all) ? ruledOut(key, others) : undefined;
}

function ruledOut(key: string, others: readonly Conjunct[]): string {
  const named = [...new Set(others.map((other) => `\`${other.key}\``))];
  return `\`${key}\` is ruled out by ${named.join(' and ')}`;
}

/** Methods, hosts and assurances of what the policy can apply to: nothing else gets as far as to be asked about. */
function factsOfReach(reach: ReadonlySet<Operation>, services: ReadonlyMap<string, Service>): readonly Fact[] {
  const methods = new Set<Value>();
  const hosts = new Set<Value>();
  const assurances = new Set<Value>();
  const names = new Set([...reach].map(({ service }) => service));
  const actions = new Set([...reach].map(({ action }) => action));
  for (const name of names) {
    const service = services.get(name);
    if (service === undefined) continue;
    for (const host of service.hosts) hosts.add(host);
    for (const assurance of service.assurance) assurances.add(assurance);
    for (const route of routesOf(service)) {
      if (actions.has(actionId(name, route.action))) for (const method of route.methods) methods.add(method);
    }
  }
  if (names.size === 0) return [];
  return [
    amongFact('context.request.method', [...methods]),
    amongFact('context.request.host', [...hosts]),
    amongFact('context.workload.assurance', [...assurances]),
  ];
}
