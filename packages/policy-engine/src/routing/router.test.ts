import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PatternSegment } from './pattern.ts';
import { compareSpecificity, parsePattern } from './pattern.ts';
import { createRouter, type RoutePattern } from './router.ts';

function routesOf(...paths: string[]): RoutePattern[] {
  return paths.map((text) => {
    const [methods = '', path = ''] = text.split(' ');
    return { action: text, methods: methods.split(','), path };
  });
}

function matchIn(routes: readonly RoutePattern[], method: string, path: string): string {
  const router = createRouter(routes);
  if (!router.ok) return router.reason;
  const match = router.value.match(method, path.slice(1).split('/'));
  return match.ok ? match.value.action : match.reason;
}

describe('the most specific pattern decides', () => {
  const routes = routesOf(
    ...['GET /', 'GET /orders', 'POST /orders', 'GET /orders/', 'GET /orders/{id}', 'DELETE /orders/{id}'],
    ...['GET /orders/mine', 'GET /orders/{id}/items', 'GET /{any}/mine/items', 'GET /files/{rest*}'],
    ...['GET /files/secret', 'GET /files/{a}/{b}', 'PUT /caf%C3%A9'],
  );
  test.each([
    ['GET', '/', 'GET /'],
    ['GET', '/orders', 'GET /orders'],
    ['POST', '/orders', 'POST /orders'],
    ['GET', '/orders/', 'GET /orders/'],
    ['GET', '/orders/7', 'GET /orders/{id}'],
    ['DELETE', '/orders/7', 'DELETE /orders/{id}'],
    ['GET', '/orders/mine', 'GET /orders/mine'],
    ['GET', '/orders/mine/items', 'GET /orders/{id}/items'],
    ['GET', '/x/mine/items', 'GET /{any}/mine/items'],
    ['GET', '/files/', 'GET /files/{rest*}'],
    ['GET', '/files/a', 'GET /files/{rest*}'],
    ['GET', '/files/secret', 'GET /files/secret'],
    ['GET', '/files/secret/x', 'GET /files/{a}/{b}'],
    ['GET', '/files/a/b/c', 'GET /files/{rest*}'],
    ['GET', '/files/a/', 'GET /files/{rest*}'],
    ['PUT', '/café', 'PUT /caf%C3%A9'],
    // Without the method, a less specific pattern does not step in: the upstream may take the other one.
    ['DELETE', '/orders/mine', 'method-not-routed'],
    ['PATCH', '/orders', 'method-not-routed'],
    ['HEAD', '/orders', 'method-not-routed'],
    ['get', '/orders', 'method-not-routed'],
    ['GET', '/Orders', 'path-not-routed'],
    ['GET', '/orders/7/', 'path-not-routed'],
    ['GET', '/files', 'path-not-routed'],
    ['GET', '/orders/{id}/x', 'path-not-routed'],
    ['GET', '/__proto__', 'path-not-routed'],
  ])('%s %s is %s', (method, path, action) => expect(matchIn(routes, method, path)).toBe(action));
});

describe('routes that cannot be told apart or never match are refused when published', () => {
  test.each([
    [['GET /a', 'GET /a'], 'route-conflict'],
    [['GET /a/{x}', 'POST,GET /a/{y}'], 'route-conflict'],
    [['GET /a/{x*}', 'GET /a/{y*}'], 'route-conflict'],
    [['GET /%61'], 'path-escape-unreserved'],
    [['GET /a/../b'], 'path-dot-segment'],
    [['GET /a//b'], 'path-empty-segment'],
    [['GET a'], 'target-authority-form'],
    [['GET /a?b'], 'pattern-query'],
    [['GET /a/{x}.json'], 'pattern-parameter-malformed'],
    [['GET /a/{}'], 'pattern-parameter-malformed'],
    [['GET /{x}/{x}'], 'pattern-parameter-repeated'],
    [['GET /{x*}/b'], 'pattern-tail-not-last'],
    [[`GET ${'/a'.repeat(33)}`], 'pattern-too-deep'],
  ])('%j: %s', (paths, reason) => {
    expect(createRouter(routesOf(...paths))).toMatchObject({ ok: false, reason });
  });

  test('patterns that overlap without end do not fill the memory', () => {
    // Each letter alone at each of 20 places: every subset of them is a different state.
    const paths = Array.from({ length: 20 }, (_, place) =>
      Array.from({ length: 20 }, (_, at) => (at === place ? '/a' : `/{p${at}}`)).join(''),
    );
    expect(createRouter(routesOf(...paths.map((path) => `GET ${path}`)))).toMatchObject({
      ok: false,
      reason: 'routes-too-ambiguous',
    });
  });
});

/** What the router must answer, by trying every pattern. */
function matchSlowly(routes: readonly RoutePattern[], method: string, segments: readonly string[]): string {
  const matching = routes
    .map((route) => ({ route, pattern: parsePattern(route.path) }))
    .flatMap(({ route, pattern }) => (pattern.ok ? [{ route, pattern: pattern.value }] : []))
    .filter(({ pattern }) => matches(pattern, segments))
    .sort((left, right) => compareSpecificity(left.pattern, right.pattern));
  const best = matching[0];
  if (best === undefined) return 'path-not-routed';
  const equal = matching.filter(({ pattern }) => compareSpecificity(pattern, best.pattern) === 0);
  return equal.find(({ route }) => route.methods.includes(method))?.route.action ?? 'method-not-routed';
}

function matches(pattern: readonly PatternSegment[], segments: readonly string[]): boolean {
  const isTail = pattern.at(-1)?.kind === 'tail';
  if (isTail ? segments.length < pattern.length : segments.length !== pattern.length) return false;
  return pattern.every((part, index) => {
    if (part.kind === 'tail') return true;
    return part.kind === 'literal' ? part.text === segments[index] : segments[index] !== '';
  });
}

test('agrees with trying every pattern one by one', () => {
  const name = fc.constantFrom('a', 'b', '{x}');
  const path = fc
    .tuple(fc.array(name, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '/', '/{t*}'))
    .map(([names, end]) => `/${names.map((text, index) => text.replace('x', `x${index}`)).join('/')}${end}`);
  const routes = fc.uniqueArray(fc.tuple(fc.constantFrom('GET', 'POST'), path), { maxLength: 12, selector: String });
  const request = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(routes, request, fc.boolean(), (pairs, names, slash) => {
      const all = routesOf(...pairs.map((pair) => pair.join(' ')));
      const segments = slash ? [...names, ''] : names;
      const router = createRouter(all);
      if (!router.ok) throw new Error(router.reason);
      const found = router.value.match('GET', segments);
      expect(found.ok ? found.value.action : found.reason).toBe(matchSlowly(all, 'GET', segments));
    }),
    { numRuns: 2000 },
  );
});
