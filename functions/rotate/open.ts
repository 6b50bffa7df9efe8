import { randomBytes } from 'node:crypto';
import { certifyProducer } from '@postern/audit';
import { createDecisionIds } from '@postern/broker';
import { createFeedKeyCertifier, createFeedLog, type FeedLog, FeedTampered } from '@postern/feed';
import type { IdentifyFunction } from '../door/door.ts';
import type { StorePorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { createTrustAnchors, loadJwtKeys } from '../trust_anchors.ts';
import { createRotateApp } from './app.ts';
import type { Certifier } from './certifier.ts';
import { createCertifyIssuer } from './certify_issuer.ts';
import { loadOrCreateRoot } from './root.ts';
import { publishTrustBundle } from './trust_bundle.ts';

export interface OpenRotate extends OpenApp {
  /** What other functions of the same process ask. */
  readonly certifier: Certifier;
  tick(): Promise<void>;
}

/** The first of all functions to run: it makes the root and opens the feed. Its tick keeps the trust bundle in the feed. */
export async function openRotate(ports: StorePorts & { readonly identify: IdentifyFunction }): Promise<OpenRotate> {
  const { table, objects, keys, clock, trustDomain } = ports;
  const [rootSigner, mac] = await Promise.all([keys.signer('root'), keys.mac('facts')]);
  const assertionSigner = () => keys.signer('assertion');
  const feedLog = createFeedLog({ table, mac });
  const beforeCreating = () => beginFeed(feedLog, createDecisionIds(randomBytes)(clock.nowMs()));
  const root = await loadOrCreateRoot({ objects, signer: rootSigner, trustDomain, clock, beforeCreating });
  // With it every revocation would be gone: who deletes the feed stops it, and gets no new one.
  if ((await feedLog.head()) === undefined) throw new FeedTampered('there is a root certificate, but the feed is gone');

  const certifier: Certifier = {
    certifyIssuer: createCertifyIssuer({
      trustDomain,
      rootSigner: async () => rootSigner,
      root: root.certificate,
      feedLog,
      table,
      clock,
      recordIssuer: (issuer) => recorder.record({ kind: 'issuer-certified', ...issuer }),
    }),
    certifyFeedKey: createFeedKeyCertifier({ trustDomain, assertionSigner, clock }),
    certifyProducer: async ({ producer, key: jwk, owner }) =>
      certifyProducer({ producer, jwk, owner, atMs: clock.nowMs() }, await assertionSigner()),
  };
  const recorder = createRecorder('rotate', { ...ports, certifier });
  const app = createRotateApp({ ...recorder.doorPorts, identify: ports.identify, trustDomain, certifier });
  async function tick(): Promise<void> {
    const { published } = await loadJwtKeys(ports);
    await publishTrustBundle({ bundle: createTrustAnchors(root, trustDomain, published).bundle, feedLog, clock });
  }
  return { app, certifier, tick, ...recorder.lifecycle };
}

/** The feed before the root: a start that ends between the two begins again, and nothing is in the feed by then. */
async function beginFeed(feedLog: FeedLog, epoch: string): Promise<void> {
  const { sequence, releaseNumber } = await feedLog.open(epoch);
  if (sequence > 0 || releaseNumber > 0) throw new FeedTampered('there is a feed, but the root certificate is gone');
}
