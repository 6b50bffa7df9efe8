import { createBroker } from '@postern/broker';
import { createFeedLog, type DecisionState } from '@postern/feed';
import { jwkFromSpki } from '@postern/keys';
import { createFunctionFollower } from '../feed/follow.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenFunction } from '../served.ts';
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
  const state = createFunctionFollower({
    trustDomain,
    releaseKeys: [jwkFromSpki(releaseKey)],
    feedLog: createFeedLog({ table, mac }),
    objects,
    clock,
    onFault: recorder.onFault,
  });
  await Promise.all([warmUp, state()]);
  const authorize = createAuthorize({
    broker: createBroker({ clock, onFault: recorder.onFault }),
    state,
    record: recorder.record,
    refusals: recorder.refusals,
    nowUs: () => performance.now() * 1000,
    onFault: recorder.onFault,
  });
  return { authorize, state, ...recorder.lifecycle };
}
