import { certifyProducer } from '@postern/audit';
import { createFeedKeyCertifier, createFeedLog } from '@postern/feed';
import type { IdentifyFunction } from '../door/door.ts';
import type { StorePorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { createTrustAnchors } from '../trust_anchors.ts';
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
  const root = await loadOrCreateRoot({ objects, signer: rootSigner, trustDomain, clock });
  const { bundle } = createTrustAnchors(root, trustDomain);
  const feedLog = createFeedLog({ table, mac });

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
  await feedLog.open(recorder.createId());
  const app = createRotateApp({ ...recorder.doorPorts, identify: ports.identify, trustDomain, certifier });
  const tick = () => publishTrustBundle({ bundle, feedLog, clock });
  return { app, certifier, tick, ...recorder.lifecycle };
}
