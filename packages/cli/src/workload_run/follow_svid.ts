/** One X.509-SVID of this process, now and after each change, over whatever happens to the agent in between. */
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkloadApiReason, WorkloadSvid } from '@postern/agent';
import { CommandFailure } from '../failure.ts';
import { FAILURES, failureOf, WORKLOAD_API_TIMEOUT_MS } from '../workload_api.ts';
import { createOutage } from './outage.ts';
import type { RunPorts } from './ports.ts';

export interface Choice {
  readonly spiffeId?: string | undefined;
  readonly hint?: string | undefined;
}

/**
 * Without a choice the default identity, which is the first, and that one from then on: a program never becomes another
 * without a word. Before the first it throws `CommandFailure` once the deadline has passed, or for what waiting does not
 * cure; afterwards nothing but the end of `signal` ends it, and what was written stays.
 */
export async function* followSvid(ports: RunPorts, choice: Choice): AsyncGenerator<WorkloadSvid, void> {
  const { followX509Svids } = await import('@postern/agent');
  const { socketPath, signal, deadlineMs, log, nowMs } = ports;
  const outage = createOutage('svid', log);
  let held: WorkloadSvid | undefined;
  let isExpiryTold = false;
  let earlier: CommandFailure | undefined;

  const refused = (reason: WorkloadApiReason, failure: () => CommandFailure, detail?: string) => {
    if (held === undefined) {
      // The last try is cut short by the deadline: what an earlier one was told says more.
      const isCutShort = reason === 'workload-api-timeout' && earlier !== undefined;
      if (!isCutShort) earlier = failure();
      if (!FAILURES[reason].isPassing || performance.now() >= deadlineMs) throw earlier;
    }
    if (held !== undefined && nowMs() > held.notAfterMs && !isExpiryTold) {
      log('error', 'svid-expired', { spiffeId: held.spiffeId, reason });
      isExpiryTold = true;
    }
    return outage.failed(reason, detail);
  };

  while (!signal.aborted) {
    let waitMs = 0;
    const timeoutMs = held === undefined ? boundedTimeout(deadlineMs - performance.now()) : WORKLOAD_API_TIMEOUT_MS;
    for await (const update of followX509Svids({ socketPath, timeoutMs, signal })) {
      if (!update.ok) {
        const { reason, detail } = update;
        waitMs = refused(reason, () => failureOf(reason, socketPath, detail), detail);
        break;
      }
      const { svids } = update.value;
      const wanted: Choice = held !== undefined && choice.hint === undefined ? { spiffeId: held.spiffeId } : choice;
      const chosen = svids.find((svid) => isChosen(svid, wanted));
      if (chosen === undefined) {
        // Before the first it is asked for anew; with one, this stream tells when the identity is back.
        waitMs = refused('identity-not-issued', () => notAmong(svids, wanted));
        if (held === undefined) break;
        continue;
      }
      outage.over();
      held = chosen;
      isExpiryTold = false;
      yield chosen;
    }
    await pause(waitMs, undefined, { signal }).catch(() => {});
  }
}

const boundedTimeout = (leftMs: number) => Math.max(1, Math.min(WORKLOAD_API_TIMEOUT_MS, leftMs));

const isChosen = (svid: WorkloadSvid, { spiffeId, hint }: Choice) =>
  (spiffeId === undefined || svid.spiffeId === spiffeId) && (hint === undefined || svid.hint === hint);

function notAmong(svids: readonly WorkloadSvid[], { spiffeId, hint }: Choice): CommandFailure {
  const wanted = spiffeId ?? `hint ${hint}`;
  const present = svids.map((svid) => (svid.hint === '' ? svid.spiffeId : `${svid.spiffeId} (hint ${svid.hint})`));
  return new CommandFailure(
    'refused',
    'identity-not-issued',
    `this process is not \`${wanted}\``,
    `it is: ${present.join(' ')}`,
  );
}
