import { createFeedLog } from '@postern/feed';
import { authenticateAgents } from '../agents.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { openTrustAnchors } from '../trust_anchors.ts';
import { createIngestApp } from './app.ts';

/** `url`: origin of the public doors, which is what proofs are made for, wherever this door is. */
export async function openIngest(ports: FunctionPorts & { readonly url: string }): Promise<OpenApp> {
  const { table, keys, certifier } = ports;
  const recorder = createRecorder('ingest', ports);
  const [{ bundle }, mac] = await Promise.all([openTrustAnchors(ports), keys.mac('facts')]);
  const app = createIngestApp({
    ...recorder.doorPorts,
    authenticate: authenticateAgents({ ...ports, bundle, feedLog: createFeedLog({ table, mac }) }),
    trail: recorder.trail,
    certifyProducer: certifier.certifyProducer,
  });
  return { app, ...recorder.lifecycle };
}
