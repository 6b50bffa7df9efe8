/**
 * DynamoDB's expressions. An item whose time is over may still lie in the table for days: every condition here treats it
 * as absent, by the caller's clock.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Attribute, type Condition, checkItem, type Update } from '@postern/store';
import { formatName, formatValue } from './item_attributes.ts';
import { TABLE_DEFINITION } from './table_definition.ts';

/** A mark without meaning, set where an update would set nothing. */
const TOUCHED = '$touched';

/** What goes with an expression into a request. */
interface Placeholders {
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues: Record<string, AttributeValue>;
}

/** Collects names and values, so that a caller's text is never part of an expression. */
export function createPlaceholders() {
  const names: Record<string, string> = {};
  const values: Record<string, AttributeValue> = {};
  const own = (stored: string) => {
    const known = Object.keys(names).find((placeholder) => names[placeholder] === stored);
    const placeholder = known ?? `#n${Object.keys(names).length}`;
    names[placeholder] = stored;
    return placeholder;
  };
  return {
    own,
    name: (name: string) => own(formatName(name)),
    value(value: Attribute) {
      const placeholder = `:v${Object.keys(values).length}`;
      values[placeholder] = formatValue(value);
      return placeholder;
    },
    /** Absent where empty: DynamoDB refuses an empty map, and one that the expression does not use. */
    render: (): Partial<Placeholders> => ({
      ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
      ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
    }),
  };
}

type PlaceholderSet = ReturnType<typeof createPlaceholders>;

/** True of an item whose time is not over, and of no item at all. */
export function notExpired(set: PlaceholderSet, nowSeconds: number): string {
  const expiry = set.own(TABLE_DEFINITION.timeToLiveAttribute);
  return `(attribute_not_exists(${expiry}) OR ${expiry} > ${set.value(nowSeconds)})`;
}

function renderCondition(set: PlaceholderSet, condition: Condition, nowSeconds: number): string {
  const pk = set.own('pk');
  switch (condition.kind) {
    case 'absent': {
      const expiry = set.own(TABLE_DEFINITION.timeToLiveAttribute);
      return `(attribute_not_exists(${pk}) OR ${expiry} <= ${set.value(nowSeconds)})`;
    }
    case 'present':
      return `(attribute_exists(${pk}) AND ${notExpired(set, nowSeconds)})`;
    case 'equals': {
      const { attribute, value } = condition;
      return `(attribute_exists(${pk}) AND ${set.name(attribute)} = ${set.value(value)} AND ${notExpired(set, nowSeconds)})`;
    }
  }
}

/** A condition's value has the bounds of an attribute: a text that is not well-formed would be compared as another. */
export function checkCondition(condition: Condition | undefined): void {
  if (condition?.kind !== 'equals') return;
  checkItem({ pk: 'condition', sk: 'condition', attributes: { [condition.attribute]: condition.value } });
}

/** Always sets or adds something: DynamoDB creates no item for an update that only removes. */
function renderUpdate(set: PlaceholderSet, update: Update): string {
  const sets = Object.entries(update.set ?? {}).map(([name, value]) => `${set.name(name)} = ${set.value(value)}`);
  if (update.expiresAtSeconds !== undefined)
    sets.push(`${set.own(TABLE_DEFINITION.timeToLiveAttribute)} = ${set.value(update.expiresAtSeconds)}`);
  const adds = Object.entries(update.add ?? {}).map(([name, amount]) => `${set.name(name)} ${set.value(amount)}`);
  const removes = (update.remove ?? []).map((name) => set.name(name));
  if (sets.length + adds.length === 0) sets.push(`${set.own(TOUCHED)} = ${set.value(null)}`);
  const clauses: readonly (readonly [string, readonly string[]])[] = [
    ['SET', sets],
    ['ADD', adds],
    ['REMOVE', removes],
  ];
  return clauses
    .filter(([, parts]) => parts.length > 0)
    .map(([verb, parts]) => `${verb} ${parts.join(', ')}`)
    .join(' ');
}

/** Fields of a request with a condition; none without. */
export function conditionFields<C extends Condition | undefined>(condition: C, nowSeconds: number): ConditionFields<C> {
  if (condition === undefined) return {} as ConditionFields<C>;
  const set = createPlaceholders();
  const ConditionExpression = renderCondition(set, condition, nowSeconds);
  return { ConditionExpression, ...set.render() } as ConditionFields<C>;
}

type ConditionFields<C> = Partial<Placeholders> &
  (undefined extends C ? { readonly ConditionExpression?: string } : { readonly ConditionExpression: string });

/** Fields of an update that fails on an item whose time is over, and then answers that item. */
export function updateFields(update: Update, nowSeconds: number) {
  const set = createPlaceholders();
  const conditions = [notExpired(set, nowSeconds)];
  if (update.condition !== undefined) conditions.push(renderCondition(set, update.condition, nowSeconds));
  return {
    UpdateExpression: renderUpdate(set, update),
    ConditionExpression: conditions.join(' AND '),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    ...set.render(),
  };
}
