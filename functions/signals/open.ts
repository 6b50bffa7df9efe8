import { createFeedLog } from '@postern/feed';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { createSignalsApp } from './app.ts';

/** What a device management system signs its webhooks for: one source, whose name is in the path. */
const POSTURE_SOURCE = 'generic';
const POSTURE_MAX_AGE_SECONDS = 24 * 60 * 60;

/** `postureSecret`: of the webhook, at least 32 bytes. */
export async function openSignals(ports: FunctionPorts & { readonly postureSecret: Uint8Array }): Promise<OpenApp> {
  const { table, keys, clock, postureSecret } = ports;
  const recorder = createRecorder('signals', ports);
  const source = { name: POSTURE_SOURCE, secrets: [postureSecret], maxAgeSeconds: POSTURE_MAX_AGE_SECONDS };
  const app = createSignalsApp({
    ...recorder.doorPorts,
    source: (name) => (name === source.name ? source : undefined),
    feedLog: createFeedLog({ table, mac: await keys.mac('facts') }),
    clock,
    recordSignal: (signal) => recorder.record({ kind: 'signal-received', ...signal }),
  });
  return { app, ...recorder.lifecycle };
}
