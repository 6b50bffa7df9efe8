/** JSON as `google.protobuf.Struct`, written: names and values as they are, numbers as doubles. */
import { MessageWriter } from './writer.ts';

/** As deep as general readers of protocol buffers follow, each level being two messages or three. */
const MAX_DEPTH = 32;

/** Nested deeper than anybody would read it. */
export class StructTooDeep extends Error {
  override readonly name = 'StructTooDeep';
}

/** `object`: parsed JSON, of bounded size. Throws `StructTooDeep`. */
export function structOf(object: { readonly [name: string]: unknown }, depth = 0): MessageWriter {
  if (depth > MAX_DEPTH) throw new StructTooDeep(`nested deeper than ${MAX_DEPTH}`);
  const struct = new MessageWriter();
  for (const [name, value] of Object.entries(object))
    struct.message(1, new MessageWriter().text(1, name).message(2, renderValue(value, depth)));
  return struct;
}

/** `Value` is a oneof: its member is written even when it is a default. */
function renderValue(value: unknown, depth: number): MessageWriter {
  const writer = new MessageWriter();
  if (value === null || value === undefined) return writer.flag(1, false);
  if (typeof value === 'number') return writer.double(2, value);
  if (typeof value === 'string') return writer.bytes(3, Buffer.from(value, 'utf8'));
  if (typeof value === 'boolean') return writer.flag(4, value);
  if (!Array.isArray(value)) return writer.message(5, structOf(value as { [name: string]: unknown }, depth + 1));
  if (depth > MAX_DEPTH) throw new StructTooDeep(`nested deeper than ${MAX_DEPTH}`);
  const list = new MessageWriter();
  for (const element of value) list.message(1, renderValue(element, depth + 1));
  return writer.message(6, list);
}
