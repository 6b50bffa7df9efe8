/**
 * Every metric that an agent prints: one row each. `docs/metrics.md` is made of it, and what is not in it is not printed.
 * The values of every label are few and known beforehand: nobody who sends requests can make new ones.
 */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Label → what its values are. */
  readonly labels?: { readonly [label: string]: string };
  /** One line: what is counted, and when there is none. */
  readonly help: string;
}

export const SERVICE_LABEL = 'a service of the release that this node was asked about; `_unknown` for every other name';
const PROTOCOL_LABEL = '`grpc` or `http`, as the proxy asks';

const counter = (help: string, labels?: MetricDefinition['labels']) => ({ type: 'counter', help, labels }) as const;
const gauge = (help: string, labels?: MetricDefinition['labels']) => ({ type: 'gauge', help, labels }) as const;

export const METRICS = {
  postern_decisions_total: counter('Decisions that were made and recorded.', {
    service: SERVICE_LABEL,
    outcome:
      '`allow`, `deny`, `challenge`, or `observed`: let through by a service that observes, where one that enforces would have denied',
    protocol: PROTOCOL_LABEL,
  }),
  postern_decision_duration_seconds: {
    type: 'histogram',
    help: 'From the call having come whole until its record was kept and it could be answered.',
    labels: { service: SERVICE_LABEL, protocol: PROTOCOL_LABEL },
  },
  postern_refusals_total: counter('Decisions that were no plain allow, by what was behind them.', {
    reason: 'a reason of docs/reasons.md',
  }),
  postern_decision_faults_total: counter(
    'Checks answered with 503 since no decision could be made or its record could not be kept.',
    { protocol: PROTOCOL_LABEL },
  ),

  postern_ready: gauge('1 once a release, the feed and the SVIDs of this node are here; as /readyz says.'),
  postern_release_number: gauge('Number of the release that decisions are made with; 0 before the first.'),
  postern_release_age_seconds: gauge('Since that release was made. None before the first.'),
  postern_feed_sequence: gauge('Number of the last fact of the feed that decisions are made with.'),
  postern_feed_head_age_seconds: gauge(
    'Since the control plane signed the newest head of the feed that is known here; grows while it is away. None before the first.',
  ),
  postern_services: gauge('Services of the release.'),
  postern_services_stale: gauge(
    'Services of the release whose feedStaleAfter is over: each does what its whenStale says.',
  ),

  postern_agent_svid_seconds_left: gauge('Until the agent’s own SVID ends.'),
  postern_workload_svids: gauge('SVIDs held for workloads of this node.'),
  postern_workload_svids_missing: gauge('Entries of this node that no SVID is held for.'),
  postern_workload_svid_least_seconds_left: gauge(
    'Until the first of the workloads’ SVIDs ends. None where none is held.',
  ),

  postern_audit_records_total: counter('Records made since the agent started.'),
  postern_audit_records_waiting: gauge('Records of this run that the control plane has not acknowledged.'),
  postern_audit_records_refused_total: counter(
    'Records that neither disk nor memory took; the request of each was answered with 503.',
  ),
  postern_audit_spool_bytes: gauge('Bytes of segments on disk that wait to be sent, of this run.'),
  postern_audit_spool_max_bytes: gauge('Bytes that the spool holds at most; beyond it, records are refused.'),
  postern_audit_leftover_runs: gauge('Earlier runs of this agent whose records still wait to be sent.'),
  postern_audit_acknowledged_age_seconds: gauge(
    'Since the control plane last acknowledged records of this run. None before the first.',
  ),

  postern_connections: gauge('Open connections.', { socket: '`workload-api`, `ext-authz` or `ext-authz-http`' }),
  postern_grpc_open_calls: gauge('Open calls; streams of the Workload API and SDS stay open.', {
    method: 'path of a method that the agent serves',
  }),

  postern_log_events_total: counter('Lines of level warn and error, also those that were not written out.', {
    level: '`warn` or `error`',
    event: 'the event of the line; `_other` beyond the first 100',
  }),

  postern_spans_exported_total: counter('Spans that a collector took. None without `--otlp`.'),
  postern_spans_dropped_total: counter(
    'Spans that were not sent; decisions do not wait for them. None without `--otlp`.',
    {
      reason: '`queue-full`, or `not-sent`: the collector was away, or refused them',
    },
  ),

  process_cpu_seconds_total: counter('Time of the processor that the agent used.'),
  process_resident_memory_bytes: gauge('Memory of the agent that is in RAM.'),
  process_open_fds: gauge('Open file descriptors.'),
  process_max_fds: gauge('File descriptors that may be open.'),
  process_start_time_seconds: gauge('When the agent started, in seconds since 1970.'),
  postern_heap_used_bytes: gauge('Memory that JavaScript objects take.'),
  postern_event_loop_busy_seconds_total: counter(
    'Time that the one thread which answers was busy; a second in a second is all there is.',
  ),
  postern_build_info: gauge('Always 1.', { version: 'of Postern', node: 'of Node' }),
} as const satisfies { readonly [name: string]: MetricDefinition };

export type MetricName = keyof typeof METRICS;
