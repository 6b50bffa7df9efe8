import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { loadTrustAnchors } from '../trust_anchors.ts';
import { createTrustApp } from './app.ts';

export async function openTrust(ports: FunctionPorts): Promise<OpenApp> {
  const recorder = createRecorder('trust', ports);
  const { bundle } = await loadTrustAnchors(ports);
  const app = createTrustApp({ ...recorder.doorPorts, bundle: async () => bundle });
  return { app, ...recorder.lifecycle };
}
