/** The keys that a request has for an indexed attribute condition. */
import type { AttributeCondition, IndexedValue } from './applicability.ts';
import { type Frame, VARIABLES } from './frame.ts';
import type { CedarRecord, Value } from './value.ts';

export type AttributeRead =
  | { readonly keys: readonly IndexedValue[]; readonly missingLength: 0 }
  /** `missingLength`: how many names of the path led to something absent; 0 where the reason is another. */
  | { readonly keys: undefined; readonly missingLength: number };

const OTHERWISE_UNREADABLE: AttributeRead = { keys: undefined, missingLength: 0 };
const NO_KEYS: AttributeRead = { keys: [], missingLength: 0 };

export function readAttribute({ path, operator }: AttributeCondition, frame: Frame): AttributeRead {
  let value: Value = VARIABLES[path.root].value(frame);
  const { names } = path;
  for (let length = 1; length <= names.length; length++) {
    if (typeof value !== 'object' || (value.kind !== 'record' && value.kind !== 'entity')) return OTHERWISE_UNREADABLE;
    const holder: CedarRecord | undefined = value.kind === 'record' ? value : frame.entities.find(value)?.attributes;
    const next: Value | undefined = holder?.get(names[length - 1] as string);
    if (next === undefined) return { keys: undefined, missingLength: length };
    value = next;
  }
  if (operator === 'equals') return typeof value === 'object' ? NO_KEYS : { keys: [value], missingLength: 0 };
  if (typeof value !== 'object' || value.kind !== 'set') return OTHERWISE_UNREADABLE;
  return { keys: value.elements.filter((element) => typeof element !== 'object'), missingLength: 0 };
}
