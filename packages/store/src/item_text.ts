/** Items as text: JSON, with byte strings marked, so that what is read is what was written. */
import type { Attribute } from './table.ts';

const BYTES = '$bytes';

export function formatAttributes(attributes: { readonly [name: string]: Attribute }): string {
  return JSON.stringify(marked(attributes));
}

export function parseAttributes(text: string): { readonly [name: string]: Attribute } {
  return unmarked(JSON.parse(text)) as { readonly [name: string]: Attribute };
}

function marked(value: Attribute): unknown {
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(marked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as { [name: string]: Attribute }).map(([name, member]) => [escaped(name), marked(member)]),
  );
}

function unmarked(value: unknown): Attribute {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== 'object' || value === null) return value as Attribute;
  const members = Object.entries(value);
  const [first] = members;
  if (members.length === 1 && first?.[0] === BYTES) return new Uint8Array(Buffer.from(first[1] as string, 'base64'));
  return Object.fromEntries(members.map(([name, member]) => [unescaped(name), unmarked(member)]));
}

/** A caller's own member that begins with `$` gets another one, so that it cannot pass for our mark. */
const escaped = (name: string) => (name.startsWith('$') ? `$${name}` : name);
const unescaped = (name: string) => (name.startsWith('$') ? name.slice(1) : name);
