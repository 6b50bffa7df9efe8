/**
 * An OpenAPI document as far as routes are made of it: read strictly, held against the specification's own schema, and
 * never left: references lead to other places in it, or to nothing.
 */
import { validate } from '@scalar/openapi-validator';
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import type { Problems } from '../problem.ts';
import type { Place, Source } from '../source.ts';
import { parseYaml, placeOfNode, report, type YamlFile } from '../yaml_reader.ts';

export type Mapping = YAMLMap<Node, Node | null>;

export interface OpenApiDocument {
  readonly file: YamlFile;
  readonly root: Mapping;
}

/** 3.2 is read as well as 3.1 and 3.0: what is new in it is not needed here. */
const VERSION = /^3\.[0-2]\.\d+(?:-.+)?$/;
/** The schema says of one mistake in several ways what is wrong; the first ones are the nearest. */
const MAX_MISTAKES = 10;

/**
 * Reads an untrusted document in YAML or JSON. The validator (@scalar/openapi-validator) is the one of those that are
 * kept up which is synchronous, reads no file, follows no reference and has the schemas of 3.0 to 3.2 in it.
 */
export function readDocument(source: Source, problems: Problems): OpenApiDocument | undefined {
  const document = parseYaml(source, problems);
  if (document === undefined) return undefined;
  const file = { source, problems };
  const root = document.contents as Node | null;
  if (!isMap<Node, Node | null>(root)) return report(file, 'openapi-malformed', root, 'expected a mapping');
  const version = memberOf(root, 'openapi');
  if (!isScalar(version) || typeof version.value !== 'string' || !VERSION.test(version.value)) {
    return report(file, 'openapi-version', version ?? root, 'expected `openapi: 3.0.…`, `3.1.…` or `3.2.…`');
  }
  const { valid, errors = [] } = validate(document.toJS({ maxAliasCount: 0 }) as object);
  for (const { message, path = '' } of errors.slice(0, MAX_MISTAKES)) {
    const pointer = typeof path === 'string' ? path : path.map((name) => `/${escapeName(name)}`).join('');
    problems.error('openapi-malformed', placeOfPointer({ file, root }, pointer), lowerFirst(message));
  }
  return valid ? { file, root } : undefined;
}

export function memberOf(map: Mapping, key: string): Node | undefined {
  return entryOf(map, key)?.value ?? undefined;
}

/** Keys of a mapping as text, with their nodes; a number such as `200` is its digits. */
export function entriesOf(map: Mapping): { readonly key: string; readonly keyNode: Node; readonly value: Node }[] {
  return map.items.flatMap(({ key, value }) =>
    isScalar(key) && value !== null ? [{ key: String(key.value), keyNode: key, value }] : [],
  );
}

function entryOf(map: Mapping, key: string) {
  return entriesOf(map).find((entry) => entry.key === key);
}

/** What a JSON pointer (RFC 6901) leads to; `undefined` where that is nothing. */
export function nodeAt({ root }: OpenApiDocument, pointer: string): Node | undefined {
  let node: Node | undefined = root;
  for (const name of namesOf(pointer))
    node = isMap<Node, Node | null>(node) ? memberOf(node, name) : itemAt(node, name);
  return node;
}

/** The key that the pointer ends at, or as far as it leads. */
function placeOfPointer({ file, root }: OpenApiDocument, pointer: string): Place {
  let node: Node | undefined = root;
  let shown: Node = root;
  for (const name of namesOf(pointer)) {
    const entry: ReturnType<typeof entryOf> = isMap<Node, Node | null>(node) ? entryOf(node, name) : undefined;
    node = entry?.value ?? itemAt(node, name);
    if (node === undefined) break;
    shown = entry?.keyNode ?? node;
  }
  return placeOfNode(file, shown);
}

function itemAt(node: Node | undefined, name: string): Node | undefined {
  return isSeq<Node>(node) && /^\d{1,6}$/.test(name) ? node.items[Number(name)] : undefined;
}

function namesOf(pointer: string): string[] {
  const names = pointer.split('/').slice(1);
  return names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function escapeName(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
