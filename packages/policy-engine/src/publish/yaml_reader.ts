/**
 * Strict reading of YAML: every key is known, every value has its type, every problem has a place. No anchors, aliases,
 * tags or merge keys: what a file says stands where it says it.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseDocument, visit, type YAMLMap } from 'yaml';
import { nearName } from './near_name.ts';
import type { Problems } from './problem.ts';
import type { CodeOf } from './problem_rules.ts';
import { type Place, placeOf, type Source } from './source.ts';

/** Turns a node into a value, or reports why not and gives `undefined`. */
export type Decode<T> = (node: Node | null, file: YamlFile) => T | undefined;

export interface YamlFile {
  readonly source: Source;
  readonly problems: Problems;
}

/** A value together with where it stands. */
export interface Placed<T> {
  readonly value: T;
  readonly place: Place;
}

/** 10,000 services of one file would not be read by people either. */
const MAX_YAML_CHARS = 1024 * 1024;
/** After a few faults the parser only guesses. */
const MAX_YAML_FAULTS = 5;

export function readYaml<T>(
  source: Source,
  decode: Decode<T>,
  problems: Problems,
  maxChars: number = MAX_YAML_CHARS,
): T | undefined {
  const document = parseYaml(source, problems, maxChars);
  return document && decode(document.contents, { source, problems });
}

/** The document as nodes with their places; reports problems and gives `undefined` for one that is not strict YAML. */
export function parseYaml(
  source: Source,
  problems: Problems,
  maxChars: number = MAX_YAML_CHARS,
): Document.Parsed | undefined {
  if (source.text.length > maxChars) {
    problems.error('files-too-large', placeOf(source), `larger than ${Math.floor(maxChars / 1024 / 1024)} MiB`);
    return undefined;
  }
  const document = parseDocument(source.text, { version: '1.2', schema: 'core', prettyErrors: false, strict: true });
  const faults = [...document.errors, ...document.warnings].slice(0, MAX_YAML_FAULTS);
  for (const { message, pos } of faults) problems.error('yaml-malformed', placeOf(source, ...pos), lowerFirst(message));
  return faults.length === 0 && checkFeatures(document.contents, { source, problems }) ? document : undefined;
}

function checkFeatures(root: Node | null, file: YamlFile): boolean {
  let isPlain = true;
  visit(root, {
    Node(_key, node) {
      if (!isAlias(node) && node.anchor === undefined && node.tag?.startsWith('!') !== true) return;
      isPlain = false;
      report(file, 'yaml-feature', node, 'anchors, aliases and tags are not used here');
    },
  });
  return isPlain;
}

export function report(
  file: YamlFile,
  code: CodeOf<'error'>,
  node: Node | null | undefined,
  message: string,
): undefined {
  file.problems.error(code, placeOfNode(file, node), message);
}

export function placeOfNode({ source }: YamlFile, node: Node | null | undefined): Place {
  return node?.range ? placeOf(source, node.range[0], node.range[1]) : placeOf(source);
}

export function placed<T>(decode: Decode<T>): Decode<Placed<T>> {
  return (node, file) => {
    const value = decode(node, file);
    return value === undefined ? undefined : { value, place: placeOfNode(file, node) };
  };
}

export interface TextRule {
  /** What is expected, such as `a host name`. */
  readonly what: string;
  readonly check?: (text: string) => boolean;
  readonly maxChars?: number;
}

export function text({ what, check, maxChars = 2048 }: TextRule): Decode<string> {
  return (node, file) => {
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'string' && value.length <= maxChars && (check?.(value) ?? true)) return value;
    return report(file, 'yaml-value', node, `expected ${what}`);
  };
}

export function oneOf<T extends string>(...values: readonly T[]): Decode<T> {
  return (node, file) => {
    const value = values.find((candidate) => isScalar(node) && node.value === candidate);
    return value ?? report(file, 'yaml-value', node, `expected ${values.map((item) => `\`${item}\``).join(' or ')}`);
  };
}

export const flag: Decode<boolean> = (node, file) => {
  const value = isScalar(node) ? node.value : undefined;
  return typeof value === 'boolean' ? value : report(file, 'yaml-value', node, 'expected true or false');
};

export function integer(min: number, max: number): Decode<number> {
  return (node, file) => {
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return report(file, 'yaml-value', node, `expected an integer from ${min} to ${max}`);
  };
}

/** Each item once. */
export function listOf<T>(decode: Decode<T>, bounds: { readonly min?: number; readonly max: number }): Decode<T[]> {
  return (node, file) => {
    if (!isSeq<Node>(node)) return report(file, 'yaml-value', node, 'expected a list');
    const { min = 0, max } = bounds;
    const { items } = node;
    if (items.length < min || items.length > max) {
      return report(file, 'yaml-value', node, `expected ${min} to ${max} items`);
    }
    const seen = new Set<unknown>();
    const values: T[] = [];
    for (const item of items) {
      const value = decode(item, file);
      if (value === undefined) continue;
      const isRepeated = typeof value === 'string' && seen.has(value);
      seen.add(value);
      if (isRepeated) report(file, 'yaml-value', item, `\`${value}\` is listed twice`);
      else values.push(value);
    }
    return values.length === items.length ? values : undefined;
  };
}

/** A mapping whose keys are the writer's. */
export function mapOf<T>(key: TextRule, decode: Decode<T>, max: number): Decode<Map<string, Placed<T>>> {
  const decodeKey = text(key);
  return (node, file) => {
    if (!isMap<Node, Node | null>(node)) return report(file, 'yaml-value', node, 'expected a mapping');
    if (node.items.length > max) return report(file, 'yaml-value', node, `more than ${max} entries`);
    const values = new Map<string, Placed<T>>();
    for (const { key: keyNode, value: valueNode } of node.items) {
      const name = decodeKey(keyNode, file);
      const value = decode(valueNode, file);
      if (name !== undefined && value !== undefined) values.set(name, { value, place: placeOfNode(file, keyNode) });
    }
    return values.size === node.items.length ? values : undefined;
  };
}

/** A key of a mapping: required unless it says what stands for its absence. */
export interface Field<T> {
  readonly decode: Decode<T>;
  readonly ifAbsent?: () => T;
}

export function required<T>(decode: Decode<T>): Field<T> {
  return { decode };
}

export function optional<T>(decode: Decode<T>): Field<T | undefined> {
  return { decode, ifAbsent: () => undefined };
}

export function withDefault<T>(decode: Decode<T>, value: T): Field<T> {
  return { decode, ifAbsent: () => value };
}

type Fields = { readonly [name: string]: Field<unknown> };
type ValuesOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export function object<F extends Fields>(fields: F): Decode<ValuesOf<F>> {
  return (node, file) => {
    if (!isMap<Node, Node | null>(node)) return report(file, 'yaml-value', node, 'expected a mapping');
    const { nodes, areKnown } = readEntries(node, fields, file);
    const values: { [name: string]: unknown } = {};
    let isWhole = areKnown;
    for (const [name, field] of Object.entries(fields)) {
      if (nodes.has(name)) {
        values[name] = field.decode(nodes.get(name) ?? null, file);
        // A decoder of an optional value gives `undefined` only after it reported why.
        isWhole = isWhole && values[name] !== undefined;
      } else if (field.ifAbsent !== undefined) values[name] = field.ifAbsent();
      else {
        // Beside an unknown key it is rather misspelt than missing.
        if (areKnown) report(file, 'yaml-key-missing', node, `the key \`${name}\` is missing`);
        isWhole = false;
      }
    }
    return isWhole ? (values as ValuesOf<F>) : undefined;
  };
}

function readEntries(
  map: YAMLMap<Node, Node | null>,
  fields: Fields,
  file: YamlFile,
): { readonly nodes: ReadonlyMap<string, Node | null>; readonly areKnown: boolean } {
  const nodes = new Map<string, Node | null>();
  let areKnown = true;
  for (const { key, value } of map.items) {
    const name = isScalar(key) && typeof key.value === 'string' ? key.value : undefined;
    if (name !== undefined && Object.hasOwn(fields, name)) nodes.set(name, value);
    else {
      areKnown = false;
      const known = Object.keys(fields).map((item) => `\`${item}\``);
      const near = name === undefined ? undefined : nearName(name, Object.keys(fields));
      const meant = near === undefined ? '' : `did you mean \`${near}\`? `;
      report(file, 'yaml-key-unknown', key, `unknown key; ${meant}known are ${known.join(', ')}`);
    }
  }
  return { nodes, areKnown };
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
