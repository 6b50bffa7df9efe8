/** Spans of decisions in OTLP's JSON (`ExportTraceServiceRequest`; opentelemetry-proto, "JSON Protobuf Encoding"). */
import type { TraceContext } from './trace_context.ts';

export interface DecisionSpan {
  readonly parent: TraceContext | undefined;
  /** Since the Unix epoch. */
  readonly endMs: number;
  readonly durationMs: number;
  readonly attributes: { readonly [name: string]: string | number };
}

/** SPAN_KIND_SERVER: the proxy is the client, and waits. */
const KIND = 2;
const SAMPLED = 1;

/** `randomHex`: that many digits. `resource`: who sends it. Ids are hexadecimal here, 64-bit numbers are text. */
export function renderSpans(
  spans: readonly DecisionSpan[],
  resource: DecisionSpan['attributes'],
  randomHex: (digits: number) => string,
): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [
          {
            scope: { name: 'postern.agent' },
            spans: spans.map(({ parent, endMs, durationMs, attributes }) => ({
              traceId: parent?.traceId ?? randomHex(32),
              spanId: randomHex(16),
              ...(parent !== undefined && { parentSpanId: parent.parentId }),
              flags: SAMPLED,
              name: 'decide',
              kind: KIND,
              startTimeUnixNano: nanoseconds(endMs - durationMs),
              endTimeUnixNano: nanoseconds(endMs),
              attributes: attributesOf(attributes),
            })),
          },
        ],
      },
    ],
  });
}

function attributesOf(attributes: DecisionSpan['attributes']): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }));
}

const nanoseconds = (ms: number) => String(BigInt(Math.round(ms * 1000)) * 1000n);
