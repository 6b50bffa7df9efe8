/** The path that a document's operations are below: they are written relative to its servers. */
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { report } from '../yaml_reader.ts';
import { entriesOf, type Mapping, memberOf, type OpenApiDocument } from './document.ts';

/** Scheme, host and port may be variable: requests are matched by path. */
const ORIGIN = /^(?:[A-Za-z][A-Za-z0-9+.-]*|\{[^{}]*\}):\/\/[^/?#]*/;
const ADVICE = 'say `basePath` beside `document` in the service';

/**
 * From the URLs of `servers` (OpenAPI 3.1, 4.8.5); `''` without any. Reports servers that differ in it, paths that are
 * variable, and operations that have servers of their own.
 */
export function basePathOf(document: OpenApiDocument): string | undefined {
  const { file, root } = document;
  const own = ownServers(root);
  if (own !== undefined) return report(file, 'openapi-servers', own, `servers of its own; ${ADVICE}`);
  const servers = memberOf(root, 'servers');
  const paths = new Map<string, Node>();
  for (const server of isSeq<Node>(servers) ? servers.items : []) {
    const url = isMap<Node, Node | null>(server) ? memberOf(server, 'url') : undefined;
    const text = isScalar(url) && typeof url.value === 'string' ? url.value : '';
    const path = text.replace(ORIGIN, '').replace(/\/+$/, '');
    if (/[{}?#]/.test(path) || (path !== '' && !path.startsWith('/'))) {
      return report(file, 'openapi-servers', url ?? server, `the path of \`${text}\` is not fixed; ${ADVICE}`);
    }
    if (!paths.has(path)) paths.set(path, url ?? server);
  }
  const [first = '', second] = paths.keys();
  if (second === undefined) return first;
  return report(file, 'openapi-servers', paths.get(second), `below \`${second}\` here, \`${first}\` there; ${ADVICE}`);
}

/** `servers` of a path or an operation. */
function ownServers(root: Mapping): Node | undefined {
  const paths = memberOf(root, 'paths');
  for (const { value: item } of isMap<Node, Node | null>(paths) ? entriesOf(paths) : []) {
    if (!isMap<Node, Node | null>(item)) continue;
    for (const { key, keyNode, value } of entriesOf(item)) {
      if (key === 'servers') return keyNode;
      const inner = isMap<Node, Node | null>(value)
        ? entriesOf(value).find((entry) => entry.key === 'servers')
        : undefined;
      if (inner !== undefined) return inner.keyNode;
    }
  }
  return undefined;
}
