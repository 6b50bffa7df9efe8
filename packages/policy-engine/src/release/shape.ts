/**
 * Shapes of JSON documents, checked member by member. Unknown members are passed over: an older reader reads what a
 * newer writer of the same major format wrote.
 */

/** Where a value departs from its shape, such as `services[3].hosts`; `undefined` when it does not. */
export type Shape = (value: unknown, path: string) => string | undefined;

export function text(maxChars: number, pattern?: RegExp): Shape {
  return (value, path) =>
    typeof value === 'string' && value.length <= maxChars && (pattern?.test(value) ?? true) ? undefined : path;
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Shape {
  return (value, path) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max ? undefined : path;
}

export const boolean: Shape = (value, path) => (typeof value === 'boolean' ? undefined : path);

/** Any JSON object; its inside is somebody else's to check. */
export const members: Shape = (value, path) => (isMembers(value) ? undefined : path);

export function oneOf(...values: readonly string[]): Shape {
  return (value, path) => (typeof value === 'string' && values.includes(value) ? undefined : path);
}

export function optional(shape: Shape): Shape {
  return (value, path) => (value === undefined ? undefined : shape(value, path));
}

export function listOf(shape: Shape, maxItems: number): Shape {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > maxItems) return path;
    for (const [index, item] of value.entries()) {
      const place = shape(item, `${path}[${index}]`);
      if (place !== undefined) return place;
    }
    return undefined;
  };
}

/** Names are the writer's, so they are not shown. */
export function mapOf(shape: Shape, maxMembers: number): Shape {
  return (value, path) => {
    if (!isMembers(value)) return path;
    const items = Object.values(value);
    if (items.length > maxMembers) return path;
    return items.map((item) => shape(item, `${path}.*`)).find((place) => place !== undefined);
  };
}

export function object(shapes: { readonly [name: string]: Shape }): Shape {
  const rows = Object.entries(shapes);
  return (value, path) => {
    if (!isMembers(value)) return path;
    for (const [name, shape] of rows) {
      const place = shape(Object.hasOwn(value, name) ? value[name] : undefined, path === '' ? name : `${path}.${name}`);
      if (place !== undefined) return place;
    }
    return undefined;
  };
}

function isMembers(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
