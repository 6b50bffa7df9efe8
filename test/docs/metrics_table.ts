import { METRICS, type MetricDefinition } from '@postern/agent/metrics';
import { formatMarkdownTable } from './markdown.ts';

/** Every metric that an agent prints, from the table that it prints by. */
export function metricsReference(): string {
  const rows = Object.entries(METRICS as { readonly [name: string]: MetricDefinition }).map(([name, row]) => [
    `\`${name}\``,
    row.type,
    Object.entries(row.labels ?? {})
      .map(([label, values]) => `\`${label}\`: ${values}`)
      .join('; '),
    row.help,
  ]);
  return `\`postern agent --metrics 127.0.0.1:9464\` serves, to programs of this machine alone:

| path | answer |
| --- | --- |
| \`/metrics\` | what is below: OpenMetrics for whoever asks for it, as Prometheus does, else Prometheus’ text format |
| \`/healthz\` | 200 as long as the agent answers at all |
| \`/readyz\` | 200 once a release, the feed and the SVIDs of this node are here, else 503 and what is missing |

gRPC’s health service (\`grpc.health.v1.Health\`: \`Check\`, \`Watch\`, \`List\`) answers on the sockets of the Workload API and of ext_authz, whether or
not there are metrics: the empty name is ready as \`/readyz\` is.

In place of the address stands the path of a Unix socket where there is a slash in it; it is open to the agent’s user and group.

Nobody who sends requests makes new label values: names that are no service of the release count as \`_unknown\`. What was asked
about never is not printed, and of a service that a release no longer has nothing is printed any more.

${formatMarkdownTable(['metric', 'type', 'labels', 'what it says'], rows)}

## What to watch
| alarm | expression |
| --- | --- |
| checks that end without a decision | \`rate(postern_decision_faults_total[5m]) > 0\` |
| denials out of the ordinary, and why | \`sum by (reason) (rate(postern_refusals_total[5m]))\` |
| the control plane is away | \`postern_feed_head_age_seconds > 30\`; services fall back once \`postern_services_stale > 0\` |
| identities run out | \`postern_workload_svid_least_seconds_left < 1800\` or \`postern_workload_svids_missing > 0\` |
| records are not taken | \`postern_audit_records_waiting\` grows; \`postern_audit_spool_bytes / postern_audit_spool_max_bytes > 0.8\` |
| the one thread has no time left | \`rate(postern_event_loop_busy_seconds_total[1m]) > 0.8\` |`;
}
