import { createFeedLog, createFeedPublisher } from '@postern/feed';
import { authenticateAgents } from '../agents.ts';
import { createReports } from '../consumers.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { openTrustAnchors } from '../trust_anchors.ts';
import { createBundleWishes } from '../wanted_bundles.ts';
import { createFeedApp } from './app.ts';

/** `url`: origin of the public doors. */
export async function openFeed(ports: FunctionPorts & { readonly url: string }): Promise<OpenApp> {
  const { table, objects, keys, certifier, clock, trustDomain } = ports;
  const recorder = createRecorder('feed', ports);
  const [{ bundle }, mac] = await Promise.all([openTrustAnchors(ports), keys.mac('facts')]);
  const feedLog = createFeedLog({ table, mac });
  const app = createFeedApp({
    ...recorder.doorPorts,
    authenticate: authenticateAgents({ ...ports, bundle, feedLog }),
    publisher: createFeedPublisher({ trustDomain, log: feedLog, certify: certifier.certifyFeedKey, clock }),
    objects,
    audience: ports.url,
    report: createReports(table, clock),
    wish: createBundleWishes({ table, feedLog, ownTrustDomain: trustDomain, clock }),
    onFault: recorder.onFault,
  });
  return { app, ...recorder.lifecycle };
}
