/** A JWT-SVID for one audience, fetched again when half of what was left of its life is over. */
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkloadJwtSvid } from '@postern/agent';
import { FAILURES, failureOf, WORKLOAD_API_TIMEOUT_MS } from '../workload_api.ts';
import { createOutage } from './outage.ts';
import type { RunPorts } from './ports.ts';

/** Even where a clock is wrong an agent is not asked in a tight loop. */
const LEAST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 3_600_000;

/** `spiffeId`: whose it is to be, asked for each time. Yields tokens, which are secrets; ends and throws as `followSvid`. */
export async function* followToken(
  ports: RunPorts,
  { audience, spiffeId }: { readonly audience: string; readonly spiffeId: () => string },
): AsyncGenerator<string, void> {
  const { fetchJwtSvids } = await import('@postern/agent');
  const { socketPath, signal, deadlineMs, log, nowMs } = ports;
  const outage = createOutage('jwt-svid', log);
  let isHeld = false;
  while (!signal.aborted) {
    let waitMs: number;
    const call = { socketPath, timeoutMs: WORKLOAD_API_TIMEOUT_MS, signal };
    const fetched = await fetchJwtSvids(call, { audience: [audience], spiffeId: spiffeId() });
    if (signal.aborted) return;
    if (fetched.ok) {
      const [svid] = fetched.value as readonly [WorkloadJwtSvid];
      outage.over();
      isHeld = true;
      yield svid.token;
      waitMs = Math.min(MAX_WAIT_MS, Math.max(LEAST_WAIT_MS, (svid.expiresAtMs - nowMs()) / 2));
    } else {
      const { reason, detail } = fetched;
      if (!isHeld && (!FAILURES[reason].isPassing || performance.now() >= deadlineMs))
        throw failureOf(reason, socketPath, detail);
      waitMs = outage.failed(reason, detail);
    }
    await pause(waitMs, undefined, { signal }).catch(() => {});
  }
}
