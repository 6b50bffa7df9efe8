/** What a decision costs: the agent's own measurement in its records, over repeated requests through Envoy. */
import { PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import type { DemoControlPlane } from './control_plane.ts';
import type { Send } from './run_scenarios.ts';
import { SCENARIOS } from './scenarios.ts';

const REQUESTS = 200;

export interface DecisionCost {
  readonly decisions: number;
  readonly medianUs: number;
  readonly highestUs: number;
}

export async function measureDecisions(plane: DemoControlPlane, send: Send): Promise<DecisionCost> {
  const scenario = SCENARIOS.find(({ service, expect }) => service === 'payments' && expect.outcome === 'allow');
  if (scenario?.user === undefined) throw new Error('no scenario to repeat');
  const { accessToken } = await plane.provider.signIn({
    sub: scenario.user.sub,
    authTimeSecondsAgo: scenario.user.signedInSecondsAgo,
  });
  const beganMs = Date.now();
  for (let index = 0; index < REQUESTS; index++) await send(scenario, accessToken);
  const latencies = await collect(plane, beganMs);
  const sorted = [...latencies].sort((a, b) => a - b);
  return {
    decisions: sorted.length,
    medianUs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    highestUs: sorted[sorted.length - 1] ?? 0,
  };
}

async function collect({ admin }: DemoControlPlane, beganMs: number): Promise<readonly number[]> {
  for (let tries = 0; ; tries++) {
    const path = `${PATHS.admin.records}?kind=decision&service=payments&limit=${REQUESTS}`;
    const { records } = await admin.get<{ records: readonly AuditRecord[] }>(path);
    const latencies = records.flatMap((record) =>
      record.kind === 'decision' && record.atMs >= beganMs ? [record.latencyUs] : [],
    );
    if (latencies.length >= REQUESTS || tries >= 20) return latencies;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
