/** Edge cases of the language, each row checked against cedar-wasm as well, so that the table itself cannot be wrong. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { describe, expect, test } from 'vitest';
import { compilePolicySet } from './policy_set.ts';
import { entityUid } from './value.ts';
import { contextFromJson, entitiesFromJson } from './value_json.ts';
import { withExactJson } from './wasm_exact.ts';

type Outcome = 'true' | 'false' | 'error';

const CONTEXT = {
  n: 1,
  s: 'text',
  b: true,
  set: [1, 'a', { __entity: { type: 'User', id: 'alice' } }],
  rec: { inner: { deep: 1 }, 'odd name': 2 },
  big: 9007199254740993n,
  max: 2n ** 63n - 1n,
  min: -(2n ** 63n),
  entity: { __entity: { type: 'User', id: 'alice' } },
  ghost: { __entity: { type: 'User', id: 'ghost' } },
  ip: { __extn: { fn: 'ip', arg: '10.1.2.3' } },
  __proto__x: 1,
};
const ENTITIES = [
  {
    uid: { type: 'User', id: 'alice' },
    attrs: { age: 5, manager: { __entity: { type: 'User', id: 'bob' } } },
    parents: [{ type: 'Group', id: 'staff' }],
    tags: { color: 'red', 'a b': 1 },
  },
  { uid: { type: 'User', id: 'bob' }, attrs: { age: 6 }, parents: [] },
  { uid: { type: 'Group', id: 'staff' }, attrs: {}, parents: [{ type: 'Group', id: 'all' }] },
];

const ROWS: readonly (readonly [condition: string, outcome: Outcome])[] = [
  // C7, C8: integers
  ['9223372036854775807 == context.max', 'true'],
  ['-9223372036854775808 == context.min', 'true'],
  ['context.big == 9007199254740993', 'true'],
  ['context.big == 9007199254740992', 'false'],
  ['context.big - 1 == 9007199254740992', 'true'],
  ['context.max + 1 == 0', 'error'],
  ['context.min - 1 == 0', 'error'],
  ['-context.min == 0', 'error'],
  ['-context.max == context.min + 1', 'true'],
  ['context.max * 2 == -2', 'error'],
  ['4294967296 * 2147483648 == 0', 'error'],
  ['4294967296 * -2147483648 == context.min', 'true'],
  ['3 * -0 == 0', 'true'],
  ['----1 == 1', 'true'],
  ['context.s + 1 == 2', 'error'],
  // C9: short circuit
  ['true || 1', 'true'],
  ['1 || true', 'error'],
  ['false && 1', 'false'],
  ['1 && false', 'error'],
  ['true && 1', 'error'],
  ['false || 1', 'error'],
  ['true && (false && context.absent)', 'false'],
  ['!1', 'error'],
  ['if true then true else context.absent', 'true'],
  ['if 1 then true else true', 'error'],
  ['if false then 1 else 2', 'error'],
  ['1', 'error'],
  ['"true"', 'error'],
  // C10: equality and order
  ['1 == "1"', 'false'],
  ['1 != "1"', 'true'],
  ['User::"a" == "a"', 'false'],
  ['User::"alice" == Group::"alice"', 'false'],
  ['[1, 2] == [2, 1, 1]', 'true'],
  ['[1] == 1', 'false'],
  ['{a: 1, b: [2]} == {b: [2], a: 1}', 'true'],
  ['{a: 1} == {a: 1, b: 2}', 'false'],
  ['1 < "2"', 'error'],
  ['"1" < "2"', 'error'],
  ['[1] < [2]', 'error'],
  ['true < false', 'error'],
  ['context.big > 9007199254740992', 'true'],
  ['1 >= 1 && 1 <= 1', 'true'],
  ['datetime("2024-01-01") < duration("1h")', 'error'],
  ['duration("1h") < 3600000', 'error'],
  ['datetime("2024-01-01") <= datetime("2024-01-01T00:00:00Z")', 'true'],
  ['decimal("1.0") < decimal("2.0")', 'error'],
  ['ip("10.0.0.1") < ip("10.0.0.2")', 'error'],
  // C11: like
  ['"" like ""', 'true'],
  ['"" like "*"', 'true'],
  ['"aXbYc" like "a*b*c"', 'true'],
  ['"abab" like "*ab"', 'true'],
  ['"aab" like "*a*ab"', 'true'],
  ['"ab" like "*ab*ab"', 'false'],
  ['"ab" like "ab*b"', 'false'],
  ['"a*b" like "a\\*b"', 'true'],
  ['"axb" like "a\\*b"', 'false'],
  ['"😀" like "*"', 'true'],
  ['"a😀b" like "a*b"', 'true'],
  ['"line\\nbreak" like "line*break"', 'true'],
  ['"ABC" like "abc"', 'false'],
  ['1 like "*"', 'error'],
  // C12: has, attributes, tags
  ['context has n', 'true'],
  ['context has absent', 'false'],
  ['context has rec.inner.deep', 'true'],
  ['context has rec.absent.deep', 'false'],
  ['context has n.inner', 'error'],
  ['context has "odd name"', 'false'],
  ['context.rec has "odd name"', 'true'],
  ['context.rec["odd name"] == 2', 'true'],
  ['context has constructor', 'false'],
  ['context has toString', 'false'],
  ['context.constructor == 1', 'error'],
  ['context["__proto__"] == 1', 'error'],
  ['context has __proto__x', 'true'],
  ['context.absent == 1', 'error'],
  ['1 has a', 'error'],
  ['context.set has a', 'error'],
  ['context.s.length == 4', 'error'],
  ['User::"alice".age == 5', 'true'],
  ['User::"alice".manager.age == 6', 'true'],
  ['User::"alice" has manager.age', 'true'],
  ['User::"alice" has manager.manager', 'false'],
  ['User::"bob".manager == 1', 'error'],
  ['User::"ghost".age == 5', 'error'],
  ['User::"alice".getTag("color") == "red"', 'true'],
  ['User::"alice".hasTag("a b")', 'true'],
  ['User::"alice".hasTag("age")', 'false'],
  ['User::"alice" has color', 'false'],
  ['User::"alice".getTag("absent") == "red"', 'error'],
  ['User::"alice".getTag(1) == "red"', 'error'],
  ['User::"ghost".hasTag(1)', 'error'],
  ['"x".hasTag("y")', 'error'],
  ['context.rec.hasTag("inner")', 'error'],
  // C4, C5, C13: entities that are absent, hierarchy, is
  ['User::"ghost" in Group::"staff"', 'false'],
  ['User::"ghost" in User::"ghost"', 'true'],
  ['User::"ghost" == context.ghost', 'true'],
  ['User::"ghost" is User', 'true'],
  ['User::"ghost" has age', 'false'],
  ['User::"ghost".hasTag("a")', 'false'],
  ['User::"ghost".getTag("a") == 1', 'error'],
  ['User::"alice" in Group::"all"', 'true'],
  ['User::"alice" in User::"alice"', 'true'],
  ['Group::"all" in User::"alice"', 'false'],
  ['User::"alice" in []', 'false'],
  ['User::"alice" in [Group::"x", Group::"all"]', 'true'],
  ['User::"alice" in 1', 'error'],
  ['User::"alice" in [Group::"all", 1]', 'error'],
  ['User::"alice" in [1, Group::"all"]', 'error'],
  ['User::"alice" in context.set', 'error'],
  ['1 in User::"alice"', 'error'],
  ['context.entity in Group::"all"', 'true'],
  ['context.entity is User in Group::"all"', 'true'],
  ['context.entity is Group in Group::"all"', 'false'],
  ['context.entity is Group in (1)', 'false'],
  ['context.entity is User in (1)', 'error'],
  ['1 is User', 'error'],
  // C14: sets
  ['context.set.contains(1)', 'true'],
  ['context.set.contains("1")', 'false'],
  ['context.set.contains(User::"alice")', 'true'],
  ['[[1], {a: 2}].contains({a: 2})', 'true'],
  ['context.set.containsAll(["a", 1])', 'true'],
  ['context.set.containsAll([])', 'true'],
  ['context.set.containsAny([])', 'false'],
  ['context.set.containsAny([9, "a"])', 'true'],
  ['[].containsAll([1])', 'false'],
  ['[].isEmpty()', 'true'],
  ['context.set.isEmpty()', 'false'],
  ['context.s.isEmpty()', 'error'],
  ['context.s.contains("t")', 'error'],
  ['context.set.containsAll(1)', 'error'],
  ['1 == [context.absent].contains(1)', 'error'],
  ['{a: context.absent} has b', 'error'],
  // C15: decimal
  ['decimal("1.0") == decimal("1.00")', 'true'],
  ['decimal("1.0001").greaterThan(decimal("1.0"))', 'true'],
  ['decimal("-1.0").lessThanOrEqual(decimal("-1.0"))', 'true'],
  ['decimal("1.0").greaterThanOrEqual(decimal("1.0001"))', 'false'],
  ['decimal("1.0").lessThan(1)', 'error'],
  ['decimal(context.s) == decimal("1.0")', 'error'],
  ['decimal(context.n) == decimal("1.0")', 'error'],
  // C16: ipaddr
  ['ip("10.0.0.1") == ip("10.0.0.1/32")', 'true'],
  ['ip("10.0.0.1/8") == ip("10.0.0.0/8")', 'false'],
  ['ip("10.0.0.1/8").isInRange(ip("10.0.0.0/8"))', 'true'],
  ['context.ip.isInRange(ip("10.0.0.0/8"))', 'true'],
  ['context.ip.isInRange(ip("::/0"))', 'false'],
  ['context.s.isIpv4()', 'error'],
  ['ip("::1").isIpv6() && ip("::1").isLoopback()', 'true'],
  // C17, C18: datetime and duration
  ['datetime("2024-02-29").offset(duration("1d")) == datetime("2024-03-01")', 'true'],
  ['datetime("2024-01-01T00:00:00+0100") == datetime("2023-12-31T23:00:00Z")', 'true'],
  ['datetime("1969-12-31T23:59:59.999Z").toDate() == datetime("1969-12-31")', 'true'],
  ['datetime("1969-12-31T23:00:00Z").toTime() == duration("23h")', 'true'],
  ['datetime("2024-01-02").durationSince(datetime("2024-01-03")) == duration("-1d")', 'true'],
  ['duration("-26h").toDays() == -1', 'true'],
  ['duration("-26h").toHours() == -26', 'true'],
  ['duration("-1999ms").toSeconds() == -1', 'true'],
  ['duration("119s").toMinutes() == 1', 'true'],
  ['duration("9223372036854775807ms").toMilliseconds() == context.max', 'true'],
  ['datetime("2024-01-01").offset(duration("9223372036854775807ms")) == datetime("2024-01-01")', 'error'],
  ['datetime("1970-01-01").offset(duration("-9223372036854775808ms")).toDate() == context.n', 'error'],
  ['datetime("1970-01-01").offset(duration("-9223372036854775808ms")).toTime() == duration("0s")', 'false'],
  ['datetime("2024-01-01").offset(1) == 1', 'error'],
];

const principal = entityUid('User', 'alice');
const action = entityUid('Action', 'view');
const resource = entityUid('Doc', 'd');

function outcomeOf(decision: string, errors: readonly unknown[]): Outcome {
  if (errors.length > 0) return 'error';
  return decision === 'allow' ? 'true' : 'false';
}

function byEngine(text: string): Outcome {
  const parsed = withExactJson(() => cedar.policyToJson(text));
  if (parsed.type === 'failure') throw new Error(parsed.errors[0]?.message);
  const set = compilePolicySet({ policies: [{ id: 'policy', json: parsed.json }] });
  const context = contextFromJson(CONTEXT);
  const entities = entitiesFromJson(ENTITIES);
  if (!set.ok || !context.ok || !entities.ok) throw new Error('the case was refused');
  const answer = set.value.authorize({ principal, action, resource, context: context.value }, entities.value);
  return outcomeOf(answer.decision, answer.errors);
}

function byCedar(text: string): Outcome {
  const call = {
    principal: { type: principal.type, id: principal.id },
    action: { type: action.type, id: action.id },
    resource: { type: resource.type, id: resource.id },
    context: CONTEXT,
    entities: ENTITIES,
    policies: { staticPolicies: { policy: text } },
  } as unknown as cedar.AuthorizationCall;
  const answer = withExactJson(() => cedar.isAuthorized(call));
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
  return outcomeOf(answer.response.decision, answer.response.diagnostics.errors);
}

describe('a condition', () => {
  test.each(ROWS)('%s is %s', (condition, outcome) => {
    const text = `permit(principal, action, resource) when { ${condition} };`;
    expect(byCedar(text)).toBe(outcome);
    expect(byEngine(text)).toBe(outcome);
  });
});
