/**
 * JSON with one spelling (RFC 8785, JCS): members sorted by UTF-16 code units, no white space, ECMAScript's number and
 * string forms. Whatever Postern hashes, chains or signs as JSON is spelled by this function.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/** Deeper than any format of ours; a cycle ends here instead of in a stack overflow. */
export const MAX_DEPTH = 200;

/**
 * Members that are `undefined` are left out, as JSON.stringify does. Throws a TypeError for what JSON cannot say without
 * loss: a number that is not finite, a lone surrogate, a bigint, a function, nesting beyond `MAX_DEPTH`.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) throw new TypeError('nested too deeply for canonical json');
  switch (typeof value) {
    case 'boolean':
      return value ? 'true' : 'false';
    case 'string':
      return writeString(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('a number that is not finite has no canonical json');
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value as { [name: string]: unknown }, depth);
    default:
      throw new TypeError(`a ${typeof value} has no canonical json`);
  }
}

function writeString(value: string): string {
  if (!value.isWellFormed()) throw new TypeError('a lone surrogate has no canonical json');
  return JSON.stringify(value);
}

function writeArray(values: readonly unknown[], depth: number): string {
  return `[${values.map((value) => write(value, depth + 1)).join(',')}]`;
}

function writeObject(value: { readonly [name: string]: unknown }, depth: number): string {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError('only plain objects have canonical json');
  const members: string[] = [];
  // Array.prototype.sort without a comparator compares UTF-16 code units, which is the order RFC 8785 3.2.3 asks for.
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member !== undefined) members.push(`${writeString(name)}:${write(member, depth + 1)}`);
  }
  return `{${members.join(',')}}`;
}
