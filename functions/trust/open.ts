import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { createTrustAnchors, loadJwtKeys, loadTrustAnchors } from '../trust_anchors.ts';
import { createTrustApp } from './app.ts';

/** `url`: origin of the public doors; the OpenID issuer of JWT-SVIDs. */
export async function openTrust(ports: FunctionPorts & { readonly url: string }): Promise<OpenApp> {
  const recorder = createRecorder('trust', ports);
  const { root } = await loadTrustAnchors(ports);
  const app = createTrustApp({
    ...recorder.doorPorts,
    issuer: ports.url,
    // The key store keeps public halves for the life of the process.
    bundle: async () => createTrustAnchors(root, ports.trustDomain, (await loadJwtKeys(ports)).published).bundle,
  });
  return { app, ...recorder.lifecycle };
}
