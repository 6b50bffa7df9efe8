/** A function as Lambda's handler: one event, one answer, and nothing left under way when the instance is frozen. */
import { askOnce } from '../ask_once.ts';
import { renderHttpAnswer } from './http_answer.ts';
import { readHttpEvent } from './http_event.ts';
import { describeFault, type Log } from './log.ts';
import { MALFORMED, REFUSED, UNAVAILABLE } from './problems.ts';
import type { HttpCall, ServedFunction } from './served_function.ts';

/** What a schedule sends; an EventBridge rule's own event does as well. */
export const TICK_EVENT = { postern: 'tick' } as const;

/** Below the time-out of every function, with room for the answer. */
const SETTLE_TIMEOUT_MS = 5_000;

type Handler = (event: unknown, context?: { readonly awsRequestId?: string }) => Promise<unknown>;

/**
 * Opens at once, in the time that the platform gives to loading; a failed opening is logged, and made again by the next
 * event. A call is answered, with 503 for any fault and 400 for what cannot be read (403 where proxies ask), and never rejects: a front door
 * would say 502 and log what was thrown. Scheduled work rejects with its fault, so that the platform tries again; so does
 * an event of any other kind. Either waits for `settle`, 5 s at most.
 */
export function serveLambda(ports: {
  readonly open: () => Promise<ServedFunction>;
  readonly log: Log;
  /** A proxy asks, and hands any status but 200 to its own client: there is none then but 403 and 503 (X22). */
  readonly isAskedByProxies?: boolean;
}): Handler {
  const { log } = ports;
  const opened = askOnce(async () => ports.open());
  opened().catch((fault: unknown) => log({ level: 'error', event: 'open-failed', ...describeFault(fault) }));

  return async (event, context) => {
    const request = context?.awsRequestId === undefined ? {} : { requestId: context.awsRequestId };
    const report = (name: string, fault: unknown) =>
      log({ level: 'error', event: name, ...request, ...describeFault(fault) });
    const call = readHttpEvent(event);
    if (!call.ok && call.reason === 'event-malformed') {
      log({
        level: 'warn',
        event: call.reason,
        ...request,
        ...(call.detail !== undefined && { message: call.detail }),
      });
      return ports.isAskedByProxies === true ? REFUSED : MALFORMED;
    }
    if (!call.ok && !isTick(event)) throw new TypeError('an event that is neither a call nor scheduled work');
    try {
      const served = await opened();
      return await finishing(served, report, () => (call.ok ? answer(served, call.value) : tick(served)));
    } catch (fault) {
      report(call.ok ? 'call-failed' : 'tick-failed', fault);
      if (call.ok) return UNAVAILABLE;
      throw fault;
    }
  };
}

async function answer(served: ServedFunction, call: HttpCall): Promise<unknown> {
  return renderHttpAnswer(await served.answer(call));
}

async function tick(served: ServedFunction): Promise<void> {
  if (served.tick === undefined) throw new TypeError('a function without scheduled work');
  await served.tick();
}

/** Does the work, then waits for what it left under way, whether it failed or not. */
async function finishing<T>(
  served: ServedFunction,
  report: (event: string, fault: unknown) => void,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } finally {
    await settle(served).catch((fault: unknown) => report('settle-failed', fault));
  }
}

async function settle(served: ServedFunction): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('something is still under way')), SETTLE_TIMEOUT_MS);
  });
  try {
    await Promise.race([served.settle(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** An EventBridge rule without an input of its own sends the second. */
function isTick(event: unknown): boolean {
  if (typeof event !== 'object' || event === null) return false;
  const { postern, source } = event as { postern?: unknown; source?: unknown };
  return postern === TICK_EVENT.postern || source === 'aws.events';
}
