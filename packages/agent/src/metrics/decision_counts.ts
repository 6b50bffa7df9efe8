/**
 * Decisions counted on their way: numbers in arrays that are there before the request is. A decision costs one look-up of
 * its service's name and a few additions, and makes no object; what to print is put together when somebody asks.
 */
import { type Decision, type DecisionReason, REASONS } from '@postern/broker';
import type { HistogramValue, Sample } from './exposition.ts';

/** By which a proxy asks. */
const PROTOCOLS = ['grpc', 'http'] as const;
export type Protocol = (typeof PROTOCOLS)[number];
const OUTCOMES = ['allow', 'deny', 'challenge', 'observed'] as const;
/** Of a name that is no service of the release; none of those begins like this. */
export const UNKNOWN_SERVICE = '_unknown';

/** From a local decision to the 200 ms after which Envoy by default asks no longer. */
const BOUND_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.025, 0.1, 0.2] as const;
const BOUND_TEXTS = BOUND_SECONDS.map(String);
/** Of one service and protocol: outcomes, then buckets, then the sum. */
const BUCKETS_AT = OUTCOMES.length;
const SUM_AT = BUCKETS_AT + BOUND_SECONDS.length + 1;
const STRIDE = SUM_AT + 1;

const REASON_NAMES = Object.keys(REASONS) as DecisionReason[];
const REASON_INDEX: ReadonlyMap<string, number> = new Map(REASON_NAMES.map((reason, index) => [reason, index]));

export interface DecisionCounts {
  decided(
    decision: Pick<Decision, 'service' | 'outcome' | 'observed' | 'reason'>,
    protocol: Protocol,
    seconds: number,
  ): void;
  /** No decision could be given. */
  failed(protocol: Protocol): void;
  /** Of services that the release no longer has nothing is printed any more, or kept. */
  samples(): readonly Sample[];
}

/** `services`: of the release in force; anything with its names. */
export function createDecisionCounts(services: () => Pick<ReadonlyMap<string, unknown>, 'has'>): DecisionCounts {
  const known = new Map<string, Float64Array>();
  const unknown = new Float64Array(STRIDE * PROTOCOLS.length);
  const reasons = new Float64Array(REASON_NAMES.length);
  const faults = new Float64Array(PROTOCOLS.length);

  /** Once for each service of the release; again and again only for names that are none. */
  function firstCells(service: string): Float64Array {
    if (!services().has(service)) return unknown;
    const cells = new Float64Array(STRIDE * PROTOCOLS.length);
    known.set(service, cells);
    return cells;
  }

  return {
    decided({ service, outcome, observed, reason }, protocol, seconds) {
      const cells = known.get(service) ?? firstCells(service);
      const base = protocol === 'grpc' ? 0 : STRIDE;
      const isPlain = outcome === 'allow' && !observed;
      add(cells, base + (isPlain ? 0 : observed ? 3 : outcome === 'challenge' ? 2 : 1), 1);
      let bucket = 0;
      while (bucket < BOUND_SECONDS.length && seconds > (BOUND_SECONDS[bucket] as number)) bucket += 1;
      add(cells, base + BUCKETS_AT + bucket, 1);
      add(cells, base + SUM_AT, seconds);
      if (isPlain) return;
      const index = REASON_INDEX.get(reason);
      if (index !== undefined) add(reasons, index, 1);
    },
    failed(protocol) {
      add(faults, PROTOCOLS.indexOf(protocol), 1);
    },
    samples() {
      const inForce = services();
      for (const service of known.keys()) if (!inForce.has(service)) known.delete(service);
      return [
        ...[...known, [UNKNOWN_SERVICE, unknown] as const].flatMap(([service, cells]) => samplesOf(service, cells)),
        ...REASON_NAMES.flatMap((reason, index): Sample[] => {
          const value = reasons[index] ?? 0;
          return value === 0 ? [] : [{ metric: 'postern_refusals_total', labels: { reason }, value }];
        }),
        ...PROTOCOLS.map(
          (protocol, index): Sample => ({
            metric: 'postern_decision_faults_total',
            labels: { protocol },
            value: faults[index] ?? 0,
          }),
        ),
      ];
    },
  };
}

function add(cells: Float64Array, index: number, value: number): void {
  cells[index] = (cells[index] as number) + value;
}

function samplesOf(service: string, cells: Float64Array): Sample[] {
  return PROTOCOLS.flatMap((protocol, index): Sample[] => {
    const own = [...cells.subarray(index * STRIDE, (index + 1) * STRIDE)];
    if (own.every((value) => value === 0)) return [];
    const durations: HistogramValue = {
      bounds: BOUND_TEXTS,
      counts: own.slice(BUCKETS_AT, SUM_AT),
      sum: own[SUM_AT] ?? 0,
    };
    return [
      ...OUTCOMES.map(
        (outcome, at): Sample => ({
          metric: 'postern_decisions_total',
          labels: { service, outcome, protocol },
          value: own[at] ?? 0,
        }),
      ),
      { metric: 'postern_decision_duration_seconds', labels: { service, protocol }, value: durations },
    ];
  });
}
