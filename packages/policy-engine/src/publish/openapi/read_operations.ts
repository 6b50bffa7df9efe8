/** An OpenAPI document → the routes of the service that it describes: each operation is an action. */
import type { Route } from '../../release/release.ts';
import { MAX_ROUTES } from '../../release/release_shape.ts';
import { parsePattern, shapeOfPattern } from '../../routing/index.ts';
import type { PatternSegment } from '../../routing/pattern.ts';
import type { Problems } from '../problem.ts';
import { placeOf, type Source } from '../source.ts';
import { type Placed, placeOfNode } from '../yaml_reader.ts';
import { findAmbiguous } from './ambiguous_paths.ts';
import { basePathOf } from './base_path.ts';
import { type OpenApiDocument, readDocument } from './document.ts';
import { actionOf } from './operation_action.ts';
import { type Operation, type PathItem, pathItemsOf } from './path_items.ts';

/**
 * Routes in the order of the document, each with the place of its operation. `basePath`: instead of the one that the
 * document's servers name; begins with a slash and ends with none, or is empty. Reports every problem at its place.
 */
export function readOperations(
  source: Source,
  basePath: string | undefined,
  problems: Problems,
): readonly Placed<Route>[] {
  const document = readDocument(source, problems);
  const base = document && (basePath ?? basePathOf(document));
  if (document === undefined || base === undefined) return [];
  const items = pathItemsOf(document);
  const count = items.reduce((sum, { operations }) => sum + operations.length, 0);
  if (count > MAX_ROUTES) {
    problems.error('openapi-too-large', placeOf(source), `${count} operations, at most ${MAX_ROUTES} are routed`);
    return [];
  }
  // A service without routes has its methods as actions, on every path.
  if (count === 0) problems.error('openapi-operation', placeOf(source), 'the document describes no operation');
  const patterns = items.flatMap((item) => patternOf(document, item, base));
  reportAmbiguous(document, patterns);
  return routesOf(document, patterns);
}

interface Pattern {
  readonly item: PathItem;
  readonly path: string;
  readonly segments: readonly PatternSegment[];
  readonly methods: readonly string[];
}

function patternOf({ file }: OpenApiDocument, item: PathItem, base: string): Pattern[] {
  const path = withPlainNames(`${base}${item.path}`);
  const parsed = parsePattern(path);
  if (parsed.ok) return [{ item, path, segments: parsed.value, methods: item.operations.map(({ method }) => method) }];
  const message = `no request can be routed to \`${item.path}\`: ${parsed.reason}`;
  file.problems.error('openapi-path', placeOfNode(file, item.pathNode), message);
  return [];
}

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** What a parameter is called does not matter for routing, and a document may call it anything. */
function withPlainNames(path: string): string {
  let number = 0;
  return path.replace(/\{([^{}/]+)\}/g, (whole, name: string) => {
    number++;
    return PLAIN_NAME.test(name) ? whole : `{parameter${number}}`;
  });
}

function reportAmbiguous({ file }: OpenApiDocument, patterns: readonly Pattern[]): void {
  const shapes = new Map<string, string>();
  for (const { item, segments } of patterns) {
    const shape = shapeOfPattern(segments);
    const other = shapes.get(shape);
    const place = placeOfNode(file, item.pathNode);
    if (other === undefined) shapes.set(shape, item.path);
    else file.problems.error('openapi-path', place, `the same as \`${other}\` but for the names of parameters`);
  }
  for (const [{ item }, other] of findAmbiguous(patterns)) {
    const message = `a request may be meant for \`${other.item.path}\` as well, and neither is the more specific`;
    file.problems.error('openapi-path-ambiguous', placeOfNode(file, item.pathNode), message);
  }
}

function routesOf({ file }: OpenApiDocument, patterns: readonly Pattern[]): readonly Placed<Route>[] {
  const taken = new Map<string, { readonly operation: Operation; readonly path: string }>();
  return patterns.flatMap(({ item, path }) =>
    item.operations.flatMap((operation): Placed<Route>[] => {
      const made = actionOf(operation, item.path, file);
      if (made === undefined) return [];
      const place = placeOfNode(file, operation.methodNode);
      const other = taken.get(made.action);
      // One operation below two paths, by a reference, is one action.
      if (other !== undefined && other.operation.node !== operation.node) {
        const first = `${other.operation.method} ${other.path}`;
        file.problems.error('openapi-operation', place, `the action \`${made.action}\` is already ${first}`);
        return [];
      }
      taken.set(made.action, { operation, path: item.path });
      return [{ value: { ...made, methods: [operation.method], path }, place }];
    }),
  );
}
