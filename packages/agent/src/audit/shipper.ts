/**
 * Sends the spool's segments to the control plane in order and drops what it acknowledged. Nothing is dropped before
 * that, so an outage costs disk and no records.
 */
import type { Producer, Spool } from '@postern/audit';
import { type CallReason, type ControlPlaneClient, CredentialsMissing } from '../control_plane/client.ts';
import type { Log } from '../log.ts';

const PERIOD_MS = 1000;
const MAX_BACKOFF_MS = 30_000;
const MAX_SEGMENTS_PER_CALL = 32;

/** What only the operator of the node's AWS account can mend. */
const GRANT =
  'give this node a role that may call the ingest function: lambda:InvokeFunctionUrl, lambda:InvokeFunction';
const ADVICE: { readonly [R in CallReason]?: string } = { 'role-not-permitted': GRANT };

export interface Shipper {
  /** One round; answers whether the queue is empty afterwards. */
  ship(): Promise<boolean>;
  start(): void;
  stop(): Promise<void>;
}

export function createShipper(ports: {
  readonly producer: Pick<Producer, 'id' | 'key'>;
  readonly client: ControlPlaneClient;
  readonly queue: Pick<Spool, 'pending' | 'acknowledge'>;
  readonly log: Log;
  /** Told of each number up to which the control plane has everything. */
  readonly onAcknowledged?: (number: number) => void;
}): Shipper {
  const { client, queue, log } = ports;
  let failures = 0;
  let said: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<boolean> | undefined;

  async function ship(): Promise<boolean> {
    for (;;) {
      const pending = queue.pending(MAX_SEGMENTS_PER_CALL);
      if (pending.length === 0) return true;
      try {
        const segments = pending.map((segment) => segment.jws);
        const answer = await client.sendSegments({ producer: ports.producer.id, key: ports.producer.key, segments });
        if (!answer.ok) {
          failures += 1;
          log('error', 'segments-refused', { reason: answer.reason, advice: ADVICE[answer.reason] });
          return false;
        }
        failures = 0;
        said = undefined;
        queue.acknowledge(answer.value.acknowledged);
        ports.onAcknowledged?.(answer.value.acknowledged);
        if (answer.value.acknowledged < (pending[0]?.to ?? 0)) return false;
      } catch (fault) {
        failures += 1;
        const { message } = fault as Error;
        // The first of a row says it; the others would only repeat it.
        if (message === said) return false;
        said = message;
        if (fault instanceof CredentialsMissing)
          log('error', 'segments-not-sent', { reason: 'credentials-missing', error: message, advice: GRANT });
        else log('warn', 'segments-not-sent', { error: message });
        return false;
      }
    }
  }

  function schedule(): void {
    const waitMs = Math.min(MAX_BACKOFF_MS, PERIOD_MS * 2 ** Math.min(failures, 10));
    timer = setTimeout(
      () => {
        running = ship().finally(() => {
          if (timer !== undefined) schedule();
        });
      },
      waitMs * (0.8 + 0.4 * Math.random()),
    );
  }

  return {
    ship,
    start: schedule,
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
      await ship();
    },
  };
}
