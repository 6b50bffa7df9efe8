/** The signals door: device posture from management systems, by signed webhook. */
import { PATHS } from '@postern/api';
import type { AppendReason, FeedLog } from '@postern/feed';
import {
  createPosture,
  MAX_POSTURE_WEBHOOK_BYTES,
  type ObservedPosture,
  POSTURE_SIGNATURE_HEADER,
  supersedesPosture,
  verifyPostureWebhook,
} from '@postern/identity';
import type { Result } from '@postern/result';
import { refuse } from '@postern/result';
import type { Clock } from '@postern/store';
import type { Hono } from 'hono';
import { createDoor, type DoorPorts } from '../door/door.ts';

export interface PostureSource {
  readonly name: string;
  /** At least 32 bytes each; two while they roll over. */
  readonly secrets: readonly Uint8Array[];
  /** What is older is unknown, and unknown is never compliant. */
  readonly maxAgeSeconds: number;
}

export interface SignalPorts extends DoorPorts {
  /** By the name in the path; undefined for a source that nobody configured. */
  readonly source: (name: string) => PostureSource | undefined;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
  /** Durable when it resolves. */
  readonly recordSignal: (signal: {
    readonly source: string;
    readonly subject: string;
    readonly outcome: 'applied' | 'refused';
    readonly reason: string;
  }) => Promise<void>;
}

/** Cost for an unsigned call: none but its body; for a signed one two reads, a record and a transaction. */
export function createSignalsApp(ports: SignalPorts): Hono {
  const { feedLog } = ports;
  const door = createDoor('signals', ports);

  /** Recorded before it takes effect: a posture that lets somebody in is never one that nobody can find. */
  async function apply(posture: ObservedPosture): Promise<Result<unknown, AppendReason>> {
    const signal = { source: posture.source, subject: posture.subject };
    const known = await feedLog.latest('posture', posture.subject);
    const isNewer = known?.kind !== 'posture' || supersedesPosture(posture, known);
    if (isNewer) await ports.recordSignal({ ...signal, outcome: 'applied', reason: 'newer-posture' });
    const appended = isNewer ? await feedLog.append([posture]) : refuse('fact-older');
    if (!appended.ok) await ports.recordSignal({ ...signal, outcome: 'refused', reason: appended.reason });
    return appended;
  }

  door.open('POST', PATHS.posture(':source'), MAX_POSTURE_WEBHOOK_BYTES, async (context, call) => {
    const source = ports.source(context.req.param('source') ?? '');
    if (source === undefined) return { refused: 'not-authenticated', reason: 'source-unknown' };
    const report = verifyPostureWebhook({
      signature: call.headers.get(POSTURE_SIGNATURE_HEADER) ?? undefined,
      body: call.body,
      secrets: source.secrets,
      nowMs: ports.clock.nowMs(),
    });
    if (!report.ok) {
      const isSigned = report.reason.startsWith('posture-');
      return { refused: isSigned ? 'malformed-request' : 'not-authenticated', reason: report.reason };
    }
    const applied = await apply(createPosture(report.value, source));
    // An older observation is no mistake of its sender: deliveries overtake each other.
    if (applied.ok || applied.reason === 'fact-older') return context.body(null, 202);
    const isPassing = applied.reason === 'feed-busy' || applied.reason === 'feed-empty';
    return { refused: isPassing ? 'unavailable' : 'malformed-request', reason: applied.reason };
  });
  return door.app;
}
