/**
 * Sends spans to a collector, over OTLP/HTTP with JSON, beside the decisions and never in their way: what does not fit into
 * the queue, or is not taken, is dropped and counted.
 */
import { randomBytes } from 'node:crypto';
import type { DecisionObserver } from '../ext_authz/index.ts';
import type { Log } from '../log.ts';
import type { Sample } from '../metrics/exposition.ts';
import { type DecisionSpan, renderSpans } from './otlp_json.ts';
import { parseTraceparent } from './trace_context.ts';

export interface SpanExporter {
  readonly observer: Pick<DecisionObserver, 'decided'>;
  samples(): readonly Sample[];
  /** Sends what is there, in one bounded attempt, and takes nothing more. */
  stop(): Promise<void>;
}

const MAX_QUEUED = 2048;
const MAX_BATCH = 512;
const PERIOD_MS = 1_000;
const TIMEOUT_MS = 5_000;
const PATH = '/v1/traces';
const MAX_TEXT_LENGTH = 256;

type DropReason = 'queue-full' | 'not-sent';

/** `url`: of the collector, such as `http://127.0.0.1:4318`. */
export function createSpanExporter(ports: {
  readonly url: string;
  readonly version: string;
  readonly nowMs: () => number;
  readonly log: Log;
  readonly periodMs?: number;
}): SpanExporter {
  const { nowMs, log, periodMs = PERIOD_MS } = ports;
  const endpoint = new URL(PATH, ports.url);
  const resource = { 'service.name': 'postern-agent', 'service.version': ports.version };
  const randomHex = (digits: number) => randomBytes(digits / 2).toString('hex');
  const dropped: Record<DropReason, number> = { 'queue-full': 0, 'not-sent': 0 };
  let queue: DecisionSpan[] = [];
  let exported = 0;
  let isStopped = false;
  let isFailing = false;
  let sending: Promise<void> | undefined;

  async function send(spans: readonly DecisionSpan[]): Promise<void> {
    try {
      const answer = await fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: renderSpans(spans, resource, randomHex),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      exported += spans.length;
      isFailing = false;
    } catch (fault) {
      dropped['not-sent'] += spans.length;
      // The first of a row says it; the others would only repeat it.
      if (!isFailing) log('warn', 'spans-not-sent', { error: (fault as Error).message });
      isFailing = true;
    }
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, MAX_BATCH);
      queue = queue.slice(MAX_BATCH);
      await send(batch);
    }
  }

  const drainOnce = () => {
    sending ??= drain().finally(() => {
      sending = undefined;
    });
    return sending;
  };
  const timer = setInterval(() => void drainOnce(), periodMs).unref();

  return {
    observer: {
      decided(decision, { request, protocol, startMs }, endMs) {
        if (isStopped) return;
        const headers = request.ok ? request.value.headers : [];
        const parent = parseTraceparent(headers.find(([name]) => name === 'traceparent')?.[1]);
        // Whoever began the trace decided whether it is looked at.
        if (parent?.isSampled === false) return;
        if (queue.length >= MAX_QUEUED) {
          dropped['queue-full'] += 1;
          return;
        }
        queue.push({
          parent,
          endMs: nowMs(),
          durationMs: endMs - startMs,
          attributes: {
            'postern.decision.id': decision.id,
            'postern.decision.outcome': decision.observed ? 'observed' : decision.outcome,
            'postern.decision.reason': decision.reason,
            'postern.service': decision.service.slice(0, MAX_TEXT_LENGTH),
            'postern.protocol': protocol,
            'postern.release': decision.releaseNumber,
          },
        });
      },
    },
    samples: () => [
      { metric: 'postern_spans_exported_total', value: exported },
      ...(['queue-full', 'not-sent'] as const).map(
        (reason): Sample => ({ metric: 'postern_spans_dropped_total', labels: { reason }, value: dropped[reason] }),
      ),
    ],
    async stop() {
      isStopped = true;
      clearInterval(timer);
      await sending;
      queue.splice(MAX_BATCH).forEach(() => {
        dropped['not-sent'] += 1;
      });
      await drainOnce();
    },
  };
}
