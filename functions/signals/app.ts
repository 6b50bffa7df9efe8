/** The signals door: device posture from management systems, by signed webhook. */

import { PATHS } from '@postern/api';
import type { FeedLog } from '@postern/feed';
import {
  createPosture,
  MAX_POSTURE_WEBHOOK_BYTES,
  POSTURE_SIGNATURE_HEADER,
  verifyPostureWebhook,
} from '@postern/identity';
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

/** Cost for an unsigned call: none but its body; for a signed one a transaction and a record. */
export function createSignalsApp(ports: SignalPorts): Hono {
  const door = createDoor('signals', ports);
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
    const appended = await ports.feedLog.append([createPosture(report.value, source)]);
    const signal = { source: source.name, subject: report.value.deviceId };
    if (!appended.ok && appended.reason !== 'fact-older')
      return {
        refused:
          appended.reason === 'feed-busy' || appended.reason === 'feed-empty' ? 'unavailable' : 'malformed-request',
        reason: appended.reason,
      };
    // An older observation is no mistake of its sender: deliveries overtake each other.
    await ports.recordSignal({
      ...signal,
      outcome: appended.ok ? 'applied' : 'refused',
      reason: appended.ok ? 'newer-posture' : appended.reason,
    });
    return context.body(null, 202);
  });
  return door.app;
}
