/** All metrics of one agent: what is counted as it happens, and what its parts say when somebody asks. */
import type { DecisionState } from '@postern/feed';
import type { DecisionObserver } from '../ext_authz/index.ts';
import { type AgentParts, readAgentSamples } from './agent_samples.ts';
import type { CountedLog } from './counted_log.ts';
import { createDecisionCounts } from './decision_counts.ts';
import { type ExpositionFormat, renderMetrics } from './exposition.ts';
import { readProcessSamples } from './process_samples.ts';

export interface AgentMetrics {
  readonly observer: DecisionObserver;
  /** The control plane has every record of this run up to this number. */
  acknowledged(number: number): void;
  render(format: ExpositionFormat, parts: AgentParts): Promise<string>;
}

const NO_SERVICES: ReadonlySet<string> = new Set();

/** `version`: of Postern. `state`: what is decided with at this moment. */
export function createAgentMetrics(ports: {
  readonly version: string;
  readonly nowMs: () => number;
  readonly state: () => DecisionState | undefined;
  /** What else counts. */
  readonly others: readonly Pick<CountedLog, 'samples'>[];
}): AgentMetrics {
  const { nowMs, state } = ports;
  const decisions = createDecisionCounts(() => state()?.release.services ?? NO_SERVICES);
  let refused = 0;
  let acknowledged: { readonly number: number; readonly atMs: number } | undefined;
  return {
    observer: {
      decided: (decision, { protocol, startMs }, endMs) =>
        decisions.decided(decision, protocol, (endMs - startMs) / 1000),
      failed: decisions.failed,
      recordRefused: () => {
        refused += 1;
      },
    },
    acknowledged(number) {
      acknowledged = { number, atMs: nowMs() };
    },
    render: async (format, parts) =>
      renderMetrics(
        [
          ...decisions.samples(),
          ...readAgentSamples(parts, { refused, acknowledged }, state(), nowMs()),
          ...ports.others.flatMap((other) => other.samples()),
          ...(await readProcessSamples(ports.version)),
        ],
        format,
      ),
  };
}
