import { createBroker } from '@postern/broker';
import { createFeedLog, createWantedBundles, type DecisionState } from '@postern/feed';
import { jwkFromSpki } from '@postern/keys';
import { createFunctionFollower } from '../feed/follow.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenFunction } from '../served.ts';
import { createBundleWishes } from '../wanted_bundles.ts';
import { type Authorize, createAuthorize } from './authorize.ts';

export interface OpenAuthorize extends OpenFunction {
  readonly authorize: Authorize;
  /** What decisions are made with. */
  readonly state: () => Promise<DecisionState | undefined>;
}

/** What the first decision needs is fetched side by side with the word for its records. */
export async function openAuthorize(ports: FunctionPorts): Promise<OpenAuthorize> {
  const { table, objects, keys, clock, trustDomain } = ports;
  const recorder = createRecorder('authorize', ports);
  const warmUp = recorder.lifecycle.warmUp();
  const [mac, releaseKey] = await Promise.all([keys.mac('facts'), keys.publicKey('release')]);
  const feedLog = createFeedLog({ table, mac });
  const state = createFunctionFollower({
    trustDomain,
    releaseKeys: [jwkFromSpki(releaseKey)],
    feedLog,
    objects,
    clock,
    onFault: recorder.onFault,
  });
  await Promise.all([warmUp, state()]);
  const wanted = createWantedBundles({ ownTrustDomain: trustDomain, clock });
  const wish = createBundleWishes({ table, feedLog, ownTrustDomain: trustDomain, clock });
  async function tellWanted(): Promise<void> {
    const trustDomain = wanted.next();
    if (trustDomain === undefined) return;
    wanted.told(trustDomain);
    await wish(trustDomain).catch(recorder.onFault);
  }
  const authorize = createAuthorize({
    broker: createBroker({ clock, onFault: recorder.onFault, onUnknownAuthority: wanted.note }),
    state,
    // Beside the record, for after the answer this instance may be stopped.
    record: async (body, id) => void (await Promise.all([recorder.record(body, id), tellWanted()])),
    refusals: recorder.refusals,
    nowUs: () => performance.now() * 1000,
    onFault: recorder.onFault,
  });
  return { authorize, state, ...recorder.lifecycle };
}
