/** Against a real HTTP server; what it got is read by OpenTelemetry's own messages, which refuse fields that there are not. */
import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Decision } from '@postern/broker';
import { accept, refuse } from '@postern/result';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import type { Call } from '../ext_authz/settle_call.ts';
import { createSpanExporter, type SpanExporter } from './span_exporter.ts';
import { parseTraceparent } from './trace_context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const NOW_MS = 1_800_000_000_123;
const DECISION = {
  id: '0190-id',
  outcome: 'deny',
  reason: 'no-permit',
  observed: false,
  service: 'web',
  releaseNumber: 7,
} as unknown as Decision;

let server: Server;
let bodies: string[];
let answer: number | 'hang';
let exporter: SpanExporter;
const logged: string[] = [];

beforeEach(async () => {
  bodies = [];
  answer = 200;
  logged.length = 0;
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push(`${request.method} ${request.url} ${request.headers['content-type']}\n${body}`);
      if (answer !== 'hang') response.writeHead(answer, { location: 'http://127.0.0.1:1/' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  exporter = createSpanExporter({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    version: '1.2.3',
    nowMs: () => NOW_MS,
    log: (_, event) => void logged.push(event),
    periodMs: 3_600_000,
  });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const callOf = (traceparent?: string) =>
  ({
    protocol: 'grpc',
    startMs: 10,
    request: accept({ headers: traceparent === undefined ? [] : [['traceparent', traceparent]] }),
  }) as unknown as Call;
const decide = (traceparent?: string) => exporter.observer.decided(DECISION, callOf(traceparent), 11.5);
const figures = () => exporter.samples().map(({ value }) => value);

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}
const spansOf = (body: string): Span[] =>
  JSON.parse(body.split('\n')[1] ?? '').resourceSpans[0].scopeSpans[0].spans as Span[];

const READ = `
import json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
request = json_format.Parse(sys.stdin.read(), ExportTraceServiceRequest())
[resource] = request.resource_spans
[scope] = resource.scope_spans
texts = lambda attributes: {a.key: a.value.string_value or a.value.int_value for a in attributes}
print(json.dumps([texts(resource.resource.attributes), [[s.name, s.kind, s.start_time_unix_nano, s.end_time_unix_nano, texts(s.attributes)] for s in scope.spans]]))
`;

describeWithTool('OpenTelemetry’s own messages', ['telemetry-peers'], (paths) => {
  test('read what was sent as it was meant', async () => {
    decide(`00-${TRACE}-${PARENT}-01`);
    await exporter.stop();
    const [head = '', input = ''] = bodies[0]?.split('\n') ?? [];
    expect(head).toBe('POST /v1/traces application/json');
    const read = execFileSync(paths['telemetry-peers'], ['-c', READ], { input, encoding: 'utf8' });
    const attributes = {
      'postern.decision.id': '0190-id',
      'postern.decision.outcome': 'deny',
      'postern.decision.reason': 'no-permit',
      'postern.service': 'web',
      'postern.protocol': 'grpc',
      'postern.release': 7,
    };
    expect(read.trim()).toContain('1800000000121500000, 1800000000123000000');
    expect(JSON.parse(read)).toEqual([
      { 'service.name': 'postern-agent', 'service.version': '1.2.3' },
      [['decide', 2, expect.any(Number), expect.any(Number), attributes]],
    ]);
  });
});

test('a span joins the trace of the request, or begins one', async () => {
  decide(`00-${TRACE}-${PARENT}-01`);
  decide();
  exporter.observer.decided(DECISION, { ...callOf(), request: refuse('request-malformed') }, 11);
  await exporter.stop();
  const [joined, ...own] = spansOf(bodies[0] ?? '');
  expect(joined).toMatchObject({
    traceId: TRACE,
    parentSpanId: PARENT,
    spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  expect(own).toHaveLength(2);
  for (const span of own) {
    expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(span).not.toHaveProperty('parentSpanId');
  }
});

test('a trace that nobody looks at gets no span', async () => {
  decide(`00-${TRACE}-${PARENT}-00`);
  await exporter.stop();
  expect(bodies).toEqual([]);
});

describe('a collector that is slow, away or wrong', () => {
  test('costs spans that are counted, and holds no more than the queue', async () => {
    for (let index = 0; index < 5_000; index += 1) decide();
    expect(figures()).toEqual([0, 5_000 - 2048, 0]);
  });

  test.each([503, 400, 302])('that answers %i has taken nothing, and is told of once', async (status) => {
    answer = status;
    for (let index = 0; index < 600; index += 1) decide();
    await exporter.stop();
    const [exported, , notSent] = figures();
    expect([exported, notSent]).toEqual([0, 600]);
    expect(logged).toEqual(['spans-not-sent']);
  });

  test('is not waited for without end', async () => {
    answer = 'hang';
    decide();
    await exporter.stop();
    expect(figures()).toEqual([0, 0, 1]);
  }, 10_000);
});

test.each([
  [undefined],
  [''],
  [`00-${'0'.repeat(32)}-${PARENT}-01`],
  [`00-${TRACE}-${'0'.repeat(16)}-01`],
  [`ff-${TRACE}-${PARENT}-01`],
  [`00-${TRACE}-${PARENT}-01-more`],
  [`00-${TRACE.toUpperCase()}-${PARENT}-01`],
  [`01-${TRACE}-${PARENT}-01-${'x'.repeat(300)}`],
  [`00-${TRACE}-${PARENT}`],
])('%s is no trace', (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});

test('of a later version what is known is read', () => {
  expect(parseTraceparent(`01-${TRACE}-${PARENT}-03-more`)).toEqual({
    traceId: TRACE,
    parentId: PARENT,
    isSampled: true,
  });
});
