/** What a write does to an item, as DynamoDB does it; shared by the embedded adapters, which differ only in keeping items. */
import { checkItem } from './bounds.ts';
import type { Attribute, Condition, Item, Update, Write } from './table.ts';

/** `undefined`: the item is gone afterwards; `unchanged`: a check. */
export type Effect = { readonly item: Item | undefined } | 'condition-failed' | 'unchanged';

/** `current`: the item as it is, never an expired one. */
export function effectOf(write: Write, current: Item | undefined): Effect {
  const condition = 'update' in write ? write.update.condition : write.condition;
  if (condition !== undefined && !holds(condition, current)) return 'condition-failed';
  if ('put' in write) return { item: write.put };
  if ('delete' in write) return { item: undefined };
  if ('check' in write) return 'unchanged';
  return { item: applyUpdate(write.update, current) };
}

function holds(condition: Condition, current: Item | undefined): boolean {
  switch (condition.kind) {
    case 'absent':
      return current === undefined;
    case 'present':
      return current !== undefined;
    case 'equals':
      return (
        current !== undefined &&
        Object.hasOwn(current.attributes, condition.attribute) &&
        current.attributes[condition.attribute] === condition.value
      );
  }
}

/** A map, not an object: an attribute may be called `__proto__` or `constructor`. */
function applyUpdate(update: Update, current: Item | undefined): Item {
  const attributes = new Map<string, Attribute>(Object.entries(current?.attributes ?? {}));
  for (const [name, value] of Object.entries(update.set ?? {})) attributes.set(name, value);
  for (const [name, amount] of Object.entries(update.add ?? {})) {
    const before = attributes.get(name) ?? 0;
    if (typeof before !== 'number') throw new TypeError(`attribute \`${name}\` is not a number`);
    attributes.set(name, before + amount);
  }
  for (const name of update.remove ?? []) attributes.delete(name);
  const expiresAtSeconds = update.expiresAtSeconds ?? current?.expiresAtSeconds;
  const item: Item = {
    pk: update.pk,
    sk: update.sk,
    attributes: Object.fromEntries(attributes),
    ...(expiresAtSeconds === undefined ? {} : { expiresAtSeconds }),
  };
  checkItem(item);
  return item;
}
