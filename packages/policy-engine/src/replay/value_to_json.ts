/** Cedar values in Cedar's JSON form, exactly: what `valueFromJson` reads back as the same value. */
import {
  type CedarRecord,
  type EntityInput,
  type EntityUid,
  formatDecimal,
  formatIp,
  type JsonValue,
  type Long,
  type Value,
} from '../cedar/index.ts';

export function valueToJson(value: Value): JsonValue {
  if (typeof value !== 'object') return value;
  switch (value.kind) {
    case 'entity':
      return { __entity: uidToJson(value) };
    case 'set':
      return value.elements.map(valueToJson);
    case 'record':
      return recordToJson(value);
    case 'decimal':
      return extension('decimal', formatDecimal(value));
    case 'ipaddr':
      return extension('ip', formatIp(value));
    case 'datetime':
      return datetimeToJson(value.epochMs);
    case 'duration':
      return extension('duration', `${value.ms}ms`);
  }
}

/** Throws a TypeError for a record that Cedar's JSON form would read as an escape. */
export function recordToJson(record: CedarRecord): { readonly [name: string]: JsonValue } {
  const names = record.names();
  if (names.length === 1 && ESCAPES.has(names[0] as string)) {
    throw new TypeError(`a record whose only attribute is \`${names[0]}\` has no JSON form`);
  }
  return fieldsOf(record);
}

const ESCAPES: ReadonlySet<string> = new Set(['__entity', '__extn', '__expr']);

export function uidToJson({ type, id }: EntityUid): { readonly type: string; readonly id: string } {
  return { type, id };
}

/** As `entityInputsFromJson` reads it; `tags` only where there are any. */
export function entityToJson({ uid, attributes, parents, tags }: EntityInput): JsonValue {
  return {
    uid: uidToJson(uid),
    attrs: attributes === undefined ? {} : fieldsOf(attributes),
    parents: (parents ?? []).map(uidToJson),
    ...(tags !== undefined && tags.names().length > 0 && { tags: fieldsOf(tags) }),
  };
}

/** From entries, so that an attribute named `__proto__` stays one. */
function fieldsOf(record: CedarRecord): { readonly [name: string]: JsonValue } {
  return Object.fromEntries(record.names().map((name) => [name, valueToJson(record.get(name) as Value)]));
}

function extension(name: string, text: string): JsonValue {
  return { __extn: { fn: name, arg: text } };
}

/** The first instant and the one after the last that Cedar's text can write. */
const WRITABLE_FROM = -62_167_219_200_000;
const WRITABLE_TO = 253_402_300_800_000;

/** Years beyond four digits have no text of their own; Cedar writes them as an offset too. */
function datetimeToJson(epochMs: Long): JsonValue {
  if (epochMs >= WRITABLE_FROM && epochMs < WRITABLE_TO) {
    return extension('datetime', new Date(Number(epochMs)).toISOString());
  }
  const epoch = extension('datetime', '1970-01-01');
  return { __extn: { fn: 'offset', args: [epoch, extension('duration', `${epochMs}ms`)] } };
}
