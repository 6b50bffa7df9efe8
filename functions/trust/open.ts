import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { openTrustAnchors } from '../trust_anchors.ts';
import { createTrustApp } from './app.ts';

/** `url`: origin of the public doors; the OpenID issuer of JWT-SVIDs. */
export async function openTrust(ports: FunctionPorts & { readonly url: string }): Promise<OpenApp> {
  const recorder = createRecorder('trust', ports);
  const { bundle } = await openTrustAnchors(ports);
  const app = createTrustApp({
    ...recorder.doorPorts,
    table: ports.table,
    clock: ports.clock,
    onOlder: (list) => ports.log('error', 'revocation-list-older', { list }),
    issuer: ports.url,
    bundle,
  });
  return { app, ...recorder.lifecycle };
}
