/**
 * Shapes of JSON documents, checked member by member. Unknown members are passed over: an older reader reads what a
 * newer writer of the same major format wrote.
 */

/**
 * Where a value departs from its shape, seen from the value: `''` is the value itself, `.hosts[3]` something in it;
 * `undefined` when it does not.
 */
export type Shape = (value: unknown) => string | undefined;

const ITSELF = '';

export function text(maxChars: number, pattern?: RegExp): Shape {
  return (value) =>
    typeof value === 'string' && value.length <= maxChars && (pattern?.test(value) ?? true) ? undefined : ITSELF;
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Shape {
  return (value) => (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max ? undefined : ITSELF);
}

export const boolean: Shape = (value) => (typeof value === 'boolean' ? undefined : ITSELF);

/** Any JSON object; its inside is somebody else's to check. */
export const members: Shape = (value) => (isMembers(value) ? undefined : ITSELF);

export function oneOf(...values: readonly string[]): Shape {
  return (value) => (typeof value === 'string' && values.includes(value) ? undefined : ITSELF);
}

export function optional(shape: Shape): Shape {
  return (value) => (value === undefined ? undefined : shape(value));
}

export function listOf(shape: Shape, maxItems: number): Shape {
  return (value) => {
    if (!Array.isArray(value) || value.length > maxItems) return ITSELF;
    for (let index = 0; index < value.length; index++) {
      const place = shape(value[index]);
      if (place !== undefined) return `[${index}]${place}`;
    }
    return undefined;
  };
}

/** Names are the writer's, so they are not shown. */
export function mapOf(shape: Shape, maxMembers: number): Shape {
  return (value) => {
    if (!isMembers(value)) return ITSELF;
    let count = 0;
    for (const name in value) {
      if (++count > maxMembers) return ITSELF;
      const place = shape(value[name]);
      if (place !== undefined) return `.*${place}`;
    }
    return undefined;
  };
}

export function object(shapes: { readonly [name: string]: Shape }): Shape {
  const names = Object.keys(shapes);
  const rows = Object.values(shapes);
  return (value) => {
    if (!isMembers(value)) return ITSELF;
    for (let row = 0; row < rows.length; row++) {
      const name = names[row]!;
      const place = rows[row]!(Object.hasOwn(value, name) ? value[name] : undefined);
      if (place !== undefined) return `.${name}${place}`;
    }
    return undefined;
  };
}

function isMembers(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
