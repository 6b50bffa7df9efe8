/** What an agent holds at this moment: release, feed, SVIDs, records, connections. Read when somebody asks, from its parts. */
import type { Producer, Spool } from '@postern/audit';
import type { DecisionState } from '@postern/feed';
import type { GrpcServer } from '../grpc/server.ts';
import type { IdentityStore } from '../identity_store.ts';
import type { MetricName } from './definitions.ts';
import type { Sample } from './exposition.ts';

export interface AgentParts {
  readonly isReady: () => boolean;
  /** When the agent's own SVID ends. */
  readonly agentNotAfterMs: () => number;
  readonly store: Pick<IdentityStore, 'entries' | 'identity'>;
  readonly producer: Pick<Producer, 'last'>;
  readonly spool: Pick<Spool, 'bytes'>;
  readonly spoolMaxBytes: number;
  readonly leftoverRuns: () => number;
  /** Socket → who listens there; undefined: nobody. */
  readonly sockets: { readonly [socket: string]: { connections(): number } | undefined };
  readonly grpcServers: readonly Pick<GrpcServer, 'openCalls'>[];
}

/** Of the records of this run: what was counted as it happened. */
export interface RecordEvents {
  readonly refused: number;
  /** Undefined before the first. */
  readonly acknowledged: { readonly number: number; readonly atMs: number } | undefined;
}

export function readAgentSamples(
  parts: AgentParts,
  records: RecordEvents,
  state: DecisionState | undefined,
  nowMs: number,
): readonly Sample[] {
  const { store, sockets, grpcServers } = parts;
  return [
    one('postern_ready', parts.isReady() ? 1 : 0),
    ...stateSamples(state, nowMs),
    one('postern_agent_svid_seconds_left', (parts.agentNotAfterMs() - nowMs) / 1000),
    ...svidSamples(store, nowMs),
    ...recordSamples(parts, records, nowMs),
    ...Object.entries(sockets).flatMap(([socket, listener]): Sample[] =>
      listener === undefined
        ? []
        : [{ metric: 'postern_connections', labels: { socket }, value: listener.connections() }],
    ),
    ...callSamples(grpcServers),
  ];
}

const one = (metric: MetricName, value: number): Sample => ({ metric, value });

function stateSamples(state: DecisionState | undefined, nowMs: number): Sample[] {
  if (state === undefined) return [one('postern_release_number', 0)];
  const { release } = state.release;
  const headAgeSeconds = (nowMs - state.headAtMs) / 1000;
  const stale = release.services.filter((service) => headAgeSeconds > service.feedStaleAfterSeconds);
  return [
    one('postern_release_number', release.number),
    one('postern_release_age_seconds', (nowMs - release.madeAtMs) / 1000),
    one('postern_feed_sequence', state.sequence),
    one('postern_feed_head_age_seconds', headAgeSeconds),
    one('postern_services', release.services.length),
    one('postern_services_stale', stale.length),
  ];
}

function svidSamples(store: AgentParts['store'], nowMs: number): Sample[] {
  const entries = store.entries();
  const ends = entries.flatMap(({ id }) => store.identity(id)?.notAfterMs ?? []);
  const least = ends.reduce((earliest, end) => Math.min(earliest, end), Number.POSITIVE_INFINITY);
  return [
    one('postern_workload_svids', ends.length),
    one('postern_workload_svids_missing', entries.length - ends.length),
    ...(ends.length === 0 ? [] : [one('postern_workload_svid_least_seconds_left', (least - nowMs) / 1000)]),
  ];
}

function recordSamples(parts: AgentParts, { refused, acknowledged }: RecordEvents, nowMs: number): Sample[] {
  const last = parts.producer.last();
  return [
    one('postern_audit_records_total', last),
    one('postern_audit_records_waiting', last - (acknowledged?.number ?? 0)),
    one('postern_audit_records_refused_total', refused),
    one('postern_audit_spool_bytes', parts.spool.bytes()),
    one('postern_audit_spool_max_bytes', parts.spoolMaxBytes),
    one('postern_audit_leftover_runs', parts.leftoverRuns()),
    ...(acknowledged === undefined
      ? []
      : [one('postern_audit_acknowledged_age_seconds', (nowMs - acknowledged.atMs) / 1000)]),
  ];
}

/** Methods that several servers have count together. */
function callSamples(servers: AgentParts['grpcServers']): Sample[] {
  const open = new Map<string, number>();
  for (const [method, count] of servers.flatMap((server) => [...server.openCalls()]))
    open.set(method, (open.get(method) ?? 0) + count);
  return [...open].map(([method, value]): Sample => ({ metric: 'postern_grpc_open_calls', labels: { method }, value }));
}
