import { describe, expect, test } from 'vitest';
import { loadRelease } from '../../release/index.ts';
import { routeRequest } from '../../route_request.ts';
import { PAYMENTS_FILES } from '../../testing/index.ts';
import { type Compilation, compileRelease } from '../compile_release.ts';

const DOCUMENT = `openapi: 3.1.0
info: { title: payments, version: "1" }
paths:
  /refunds:
    post:
      operationId: refund
      tags: [write]
      responses: { "200": { description: done } }
  /refunds/{refund-id}:
    get:
      tags: [Refunds, read]
      x-postern-user: optional
      responses: { "200": { description: a refund } }
`;

const SERVICE = (PAYMENTS_FILES['services/payments.yaml'] ?? '').replace(/routes:[\s\S]*/, '');
const REFERENCE = `${SERVICE}openapi: openapi/payments.yaml\n`;

function compiled(document: string, service = REFERENCE, file = 'openapi/payments.yaml'): Compilation {
  const files = { ...PAYMENTS_FILES, 'services/payments.yaml': service, [file]: document };
  return compileRelease({
    files: new Map(Object.entries(files)),
    trustDomain: 'demo.test',
    number: 1,
    nowMs: Date.UTC(2026, 0, 5),
    nextSigners: [],
  });
}

function routesOf(compilation: Compilation) {
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  return compilation.release.services[0]?.routes.map(({ action, methods, path }) => [action, methods.join(' '), path]);
}

/** `code file:line:column message` of each problem. */
function problemsOf(compilation: Compilation): string[] {
  const problems = compilation.ok ? compilation.warnings : compilation.problems;
  return problems.map(({ code, file, line, column, message }) => `${code} ${file}:${line}:${column} ${message}`);
}

describe('an operation is an action', () => {
  test('by its operationId, else by method and path, in the groups of its tags', () => {
    const compilation = compiled(DOCUMENT);
    if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
    expect(compilation.release.services[0]?.routes).toEqual([
      { action: 'refund', methods: ['POST'], path: '/refunds', groups: ['write'] },
      {
        action: 'get-refunds-refund-id',
        methods: ['GET'],
        path: '/refunds/{refund-id}',
        groups: ['refunds', 'read'],
        user: 'optional',
      },
    ]);
    expect(compilation.release.services[0]).not.toHaveProperty('openapi');
    expect(compilation.release.schema).toContain('action "payments:refund" in ["write"]');
    expect(compilation.release.schema).toContain('in ["payments:refunds", "read"]');
  });

  test('that requests are routed to', () => {
    const compilation = compiled(DOCUMENT);
    const loaded = compilation.ok ? loadRelease(compilation.release) : compilation;
    if (!loaded.ok) throw new Error('the document is wrong');
    const route = (method: string, target: string) =>
      routeRequest(loaded.value, 'payments', { method, target, authority: 'payments.demo.test' });
    expect(route('GET', '/refunds/17')).toMatchObject({ value: { action: 'payments:get-refunds-refund-id' } });
    expect(route('GET', '/refunds')).toMatchObject({ reason: 'method-not-routed' });
    // A description of GET is none of HEAD.
    expect(route('HEAD', '/refunds/17')).toMatchObject({ reason: 'method-not-routed' });
    expect(route('GET', '/refunds/17/lines')).toMatchObject({ reason: 'path-not-routed' });
  });

  const names: [operationId: string, action: string][] = [
    ['repos/list-for-org', 'repos-list-for-org'],
    ['Get the balance!', 'Get-the-balance'],
    ['v1.refund', 'v1.refund'],
    ['_private__thing_', 'private-thing'],
  ];
  test.each(names)('%s is %s', (operationId, action) => {
    const document = DOCUMENT.replace('operationId: refund', `operationId: "${operationId}"`);
    expect(routesOf(compiled(document))?.[0]?.[0]).toBe(action);
  });

  test('or what the document says for us alone', () => {
    const document = DOCUMENT.replace(
      'operationId: refund',
      'operationId: refund\n      x-postern-action: pay-back\n      x-postern-groups: [money]',
    );
    const compilation = compiled(document);
    expect(compilation.ok && compilation.release.services[0]?.routes[0]).toMatchObject({
      action: 'pay-back',
      groups: ['money'],
    });
  });

  test('beside the routes that the service lists itself', () => {
    const service = `${REFERENCE}routes: [{ action: health, methods: [GET], path: /health, user: none }]\n`;
    expect(routesOf(compiled(DOCUMENT, service))?.map(([action]) => action)).toEqual([
      'health',
      'refund',
      'get-refunds-refund-id',
    ]);
    const again = service.replace('/health', '/refunds').replace('[GET]', '[POST]');
    expect(problemsOf(compiled(DOCUMENT, again))).toEqual([
      'route-conflict openapi/payments.yaml:5:5 POST /refunds is also `health`',
    ]);
  });

  test('of a document in JSON, of any of three versions', () => {
    const json = (openapi: string) =>
      JSON.stringify({
        openapi,
        info: { title: 't', version: '1' },
        paths: { '/a': { get: { operationId: 'a', responses: { 200: { description: 'd' } } } } },
      });
    const service = `${SERVICE}openapi: openapi/a/payments.json\n`;
    for (const version of ['3.0.3', '3.1.1', '3.2.0']) {
      expect(routesOf(compiled(json(version), service, 'openapi/a/payments.json'))).toEqual([['a', 'GET', '/a']]);
    }
  });
});

describe('the path that operations are below', () => {
  const withServers = (servers: string) => DOCUMENT.replace('paths:', `servers: ${servers}\npaths:`);
  const below = (base: string) => [
    ['refund', 'POST', `${base}/refunds`],
    ['get-refunds-refund-id', 'GET', `${base}/refunds/{refund-id}`],
  ];
  const servers: [servers: string, base: string][] = [
    ['[]', ''],
    ['[{ url: / }]', ''],
    ['[{ url: "https://api.test/v1/" }]', '/v1'],
    ['[{ url: "https://{region}.api.test:8443/v1/pay" }, { url: /v1/pay }]', '/v1/pay'],
    ['[{ url: "{scheme}://api.test/v1" }]', '/v1'],
  ];
  test.each(servers)('servers %s: %s', (text, base) => {
    expect(routesOf(compiled(withServers(text)))).toEqual(below(base));
  });

  const unclear: [servers: string, message: string][] = [
    ['[{ url: /v1 }, { url: /v2 }]', 'below `/v2` here, `/v1` there'],
    ['[{ url: "https://api.test/{version}", variables: { version: { default: v1 } } }]', 'is not fixed'],
    ['[{ url: "v1" }]', 'is not fixed'],
  ];
  test.each(unclear)('servers %s leave it open, unless the service says', (text, message) => {
    const [problem, ...others] = problemsOf(compiled(withServers(text)));
    expect(problem).toMatch(/^openapi-servers openapi\/payments.yaml:3:\d+ /);
    expect(problem).toContain(message);
    expect(others).toEqual([]);
    const service = `${SERVICE}openapi: { document: openapi/payments.yaml, basePath: /v3 }\n`;
    expect(routesOf(compiled(withServers(text), service))).toEqual(below('/v3'));
  });

  test('of an operation with servers of its own is another', () => {
    const document = DOCUMENT.replace('operationId: refund', 'operationId: refund\n      servers: [{ url: /x }]');
    expect(problemsOf(compiled(document))[0]).toMatch(/^openapi-servers openapi\/payments.yaml:7:7 servers of its own/);
  });

  test.each(['v1', '/v1/', '/{x}', '/a%2fb', '/v1?x'])('is not `%s`', (base) => {
    const service = `${SERVICE}openapi: { document: openapi/payments.yaml, basePath: "${base}" }\n`;
    expect(problemsOf(compiled(DOCUMENT, service))[0]).toMatch(
      /^yaml-value services\/payments.yaml:\d+:\d+ expected a path/,
    );
  });
});

describe('references lead to other places in the document', () => {
  const item = `get: { operationId: a, responses: { "200": { description: d } } }`;
  const withReference = (reference: string, more = '') => `openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /a: { $ref: "${reference}"${more} }
  /b: { ${item} }
components:
  pathItems:
    it: { ${item.replace('operationId: a', 'operationId: c')} }
    on: { $ref: "#/components/pathItems/it" }
    ring: { $ref: "#/components/pathItems/ring" }
`;
  const followed: [reference: string, action: string][] = [
    ['#/components/pathItems/it', 'c'],
    ['#/components/pathItems/on', 'c'],
    ['#/paths/~1b', 'a'],
    ['#/components/pathItems/%69t', 'c'],
  ];
  test.each(followed)('%s', (reference, action) => {
    expect(routesOf(compiled(withReference(reference)))?.[0]).toEqual([action, 'GET', '/a']);
  });

  const refused: [reference: string, message: string][] = [
    ['other.yaml#/a', 'only references within the document are followed'],
    ['https://evil.test/a.yaml', 'only references within the document are followed'],
    ['file:///etc/passwd', 'only references within the document are followed'],
    ['#/components/pathItems/none', 'the reference leads to nothing that has operations'],
    ['#/info/title', 'the reference leads to nothing that has operations'],
    ['#/components/pathItems/ring', 'the references go on and on'],
  ];
  test.each(refused)('and nowhere else: %s', (reference, message) => {
    const [problem] = problemsOf(compiled(withReference(reference)));
    expect(problem).toMatch(/^openapi-reference openapi\/payments.yaml:4:\d+ /);
    expect(problem).toContain(message);
  });

  test('and say nothing beside', () => {
    const beside = `, ${item.replace('operationId: a', 'operationId: x')}`;
    const document = withReference('#/paths/~1b', beside)
      .replace('3.1.0', '3.0.3')
      .replace(/components:[\s\S]*/, '');
    expect(problemsOf(compiled(document))[0]).toContain('operations beside a reference have no meaning');
  });

  test('of what is not routed are not looked at', () => {
    const schema = '{ $ref: "https://evil.test/schema.json" }';
    const body = `requestBody: { content: { application/json: { schema: ${schema} } } }`;
    const document = DOCUMENT.replace('operationId: refund', `operationId: refund\n      ${body}`);
    expect(routesOf(compiled(document))).toHaveLength(2);
  });
});

describe('a mistake is found at its place', () => {
  const operation = (id: string) => `get: { operationId: ${id}, responses: { "200": { description: d } } }`;
  const withPaths = (...paths: string[]) =>
    `openapi: 3.0.3\ninfo: { title: t, version: "1" }\npaths:\n${paths.map((path) => `  ${path}\n`).join('')}`;
  const rows: [name: string, document: string, problem: string][] = [
    ['no mapping', '[]', 'openapi-malformed openapi/payments.yaml:1:1 expected a mapping'],
    ['no version', 'info: {}', 'openapi-version openapi/payments.yaml:1:1 expected `openapi: 3.0.…`'],
    ['Swagger', 'swagger: "2.0"', 'openapi-version openapi/payments.yaml:1:1'],
    ['a version to come', DOCUMENT.replace('3.1.0', '3.3.0'), 'openapi-version openapi/payments.yaml:1:10'],
    ['a version that is a number', DOCUMENT.replace('3.1.0', '3.1'), 'openapi-version openapi/payments.yaml:1:10'],
    [
      'what the specification does not know',
      DOCUMENT.replace('operationId: refund', 'operationID: refund'),
      'openapi-malformed openapi/payments.yaml:5:5',
    ],
    [
      'an id that is a number',
      DOCUMENT.replace('operationId: refund', 'operationId: 7'),
      'openapi-malformed openapi/payments.yaml:6:7',
    ],
    [
      'an extension that is misspelt',
      DOCUMENT.replace('x-postern-user', 'x-postern-usr'),
      'yaml-key-unknown openapi/payments.yaml:12:7 unknown extension',
    ],
    [
      'a requirement that there is not',
      DOCUMENT.replace('x-postern-user: optional', 'x-postern-user: maybe'),
      'yaml-value openapi/payments.yaml:12:23 expected `required` or',
    ],
    [
      'an id of which nothing is left',
      DOCUMENT.replace('operationId: refund', 'operationId: "7!"'),
      'openapi-operation openapi/payments.yaml:6:20 `7!` makes no action name',
    ],
    [
      'an id that is too long',
      DOCUMENT.replace('operationId: refund', `operationId: ${'a'.repeat(65)}`),
      'openapi-operation openapi/payments.yaml:6:20',
    ],
    [
      'two operations of one name',
      withPaths(`/a: { ${operation('x')} }`, `/b: { ${operation('"x!"')} }`),
      'openapi-operation openapi/payments.yaml:5:9 the action `x` is already GET /a',
    ],
    [
      'half a segment that is a parameter',
      withPaths(`/a/{name}.json: { ${operation('x')} }`),
      'openapi-path openapi/payments.yaml:4:3 no request can be routed to `/a/{name}.json`: pattern-parameter-malformed',
    ],
    [
      'a path that no canonical request has',
      withPaths(`/a//b: { ${operation('x')} }`),
      'openapi-path openapi/payments.yaml:4:3 no request can be routed to `/a//b`: path-empty-segment',
    ],
    [
      'one path under two names',
      withPaths(`/a/{x}: { ${operation('x')} }`, `/a/{y}: { ${operation('y').replace('get', 'put')} }`),
      'openapi-path openapi/payments.yaml:5:3 the same as `/a/{x}` but for the names of parameters',
    ],
    [
      'two paths of which neither is the more specific',
      withPaths(`"/{kind}/mine": { ${operation('x')} }`, `/books/{id}: { ${operation('y')} }`),
      'openapi-path-ambiguous openapi/payments.yaml:5:3 a request may be meant for `/{kind}/mine` as well',
    ],
    [
      'no operation, which would open every path',
      withPaths('x-a: {}'),
      'openapi-operation openapi/payments.yaml:1:1 the document describes no operation',
    ],
    ['an alias', 'a: &a x\nb: *a', 'yaml-feature openapi/payments.yaml:1:7'],
    ['a key twice', DOCUMENT.replace('info:', 'openapi: 3.1.0\ninfo:'), 'yaml-malformed openapi/payments.yaml:2:1'],
  ];
  test.each(rows)('%s', (_name, document, problem) => {
    const found = problemsOf(compiled(document)).filter((text) => text.includes('openapi/'));
    expect(found[0]?.slice(0, problem.length)).toBe(problem);
  });

  test('but not where one path is the more specific, or methods tell them apart', () => {
    const document = withPaths(
      `/books/{id}: { ${operation('a')} }`,
      `/books/mine: { ${operation('b')} }`,
      `/{kind}/mine: { ${operation('c').replace('get', 'put')} }`,
    );
    expect(routesOf(compiled(document))).toHaveLength(3);
  });

  test('a document that is not there, and one that nobody names', () => {
    const service = `${SERVICE}openapi: openapi/other.yaml\n`;
    expect(problemsOf(compiled(DOCUMENT, service))).toEqual([
      'openapi-unknown services/payments.yaml:7:10 there is no file `openapi/other.yaml`',
      'openapi-unused openapi/payments.yaml:1:1 no service says `openapi` with this file',
    ]);
    const outside = `${SERVICE}openapi: ../payments.yaml\n`;
    expect(problemsOf(compiled(DOCUMENT, outside))[0]).toMatch(/^yaml-value services\/payments.yaml:7:10/);
  });
});

describe('a document is bounded', () => {
  const documentOf = (operations: number) =>
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 't', version: '1' },
      paths: Object.fromEntries(
        Array.from({ length: operations }, (_, index) => [`/a/${index}`, { get: { operationId: `a${index}` } }]),
      ),
    });

  test('in its operations', () => {
    expect(routesOf(compiled(documentOf(5000)))).toHaveLength(5000);
    expect(problemsOf(compiled(documentOf(5001)))[0]).toContain('5001 operations, at most 5000 are routed');
  }, 120_000);

  test('in its size and depth', () => {
    expect(problemsOf(compiled(`# ${'x'.repeat(1024 * 1024)}`))[0]).toContain('larger than 1 MiB');
    const deep = `{"openapi":"3.1.0","x-a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    expect(problemsOf(compiled(deep))[0]).toMatch(/^(?:yaml|openapi)-malformed/);
  });
});
