/** The paths of a document with their operations, references between them followed. */
import { isMap, isScalar, type Node } from 'yaml';
import { report } from '../yaml_reader.ts';
import { entriesOf, type Mapping, memberOf, nodeAt, type OpenApiDocument } from './document.ts';

export interface PathItem {
  /** As written, with a parameter's name in braces. */
  readonly path: string;
  readonly pathNode: Node;
  readonly operations: readonly Operation[];
}

export interface Operation {
  /** In capitals. */
  readonly method: string;
  readonly methodNode: Node;
  readonly node: Mapping;
}

/** OpenAPI 3.1, 4.8.9; `query` since 3.2. */
const METHODS: ReadonlySet<string> = new Set([
  'get',
  'put',
  'post',
  'delete',
  'options',
  'head',
  'patch',
  'trace',
  'query',
]);

const MAX_REFERENCES = 8;

/** Reports references that lead nowhere; the rest is read. Extensions (`x-…`) among the paths are passed over. */
export function pathItemsOf(document: OpenApiDocument): readonly PathItem[] {
  const paths = memberOf(document.root, 'paths');
  if (!isMap<Node, Node | null>(paths)) return [];
  return entriesOf(paths)
    .filter(({ key }) => key.startsWith('/'))
    .flatMap(({ key: path, keyNode: pathNode, value }) => {
      const item = followed(document, value);
      return item === undefined ? [] : [{ path, pathNode, operations: operationsOf(item) }];
    });
}

function followed(document: OpenApiDocument, first: Node): Mapping | undefined {
  const { file } = document;
  let node: Node | undefined = first;
  for (let hops = 0; hops <= MAX_REFERENCES; hops++) {
    if (!isMap<Node, Node | null>(node)) {
      return report(file, 'openapi-reference', first, 'the reference leads to nothing that has operations');
    }
    const reference = memberOf(node, '$ref');
    if (reference === undefined) return node;
    const target = isScalar(reference) ? reference.value : undefined;
    if (typeof target !== 'string' || !target.startsWith('#/')) {
      return report(file, 'openapi-reference', reference, 'only references within the document are followed');
    }
    if (entriesOf(node).some(({ key }) => METHODS.has(key))) {
      return report(file, 'openapi-reference', reference, 'operations beside a reference have no meaning');
    }
    node = nodeAt(document, decodeFragment(target.slice(1)));
  }
  return report(file, 'openapi-reference', first, 'the references go on and on');
}

/** A pointer in a URI fragment is percent-encoded (RFC 6901, 6). */
function decodeFragment(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function operationsOf(item: Mapping): Operation[] {
  return entriesOf(item).flatMap(({ key, keyNode, value }) =>
    METHODS.has(key) && isMap<Node, Node | null>(value)
      ? [{ method: key.toUpperCase(), methodNode: keyNode, node: value }]
      : [],
  );
}
