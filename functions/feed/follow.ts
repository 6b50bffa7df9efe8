/**
 * Follows the feed inside a function: the same verification as in an agent, from the store instead of over the network.
 * What is known is used for a second; when it cannot be renewed it stays, and says itself how old it is.
 */
import {
  createFeedKeyCertifier,
  createFeedPublisher,
  createFollower,
  type DecisionState,
  type FeedLog,
  type FeedTrust,
} from '@postern/feed';
import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import type { Clock, Objects } from '@postern/store';
import { releaseObject } from '../publish/releases.ts';

const MAX_AGE_MS = 1000;

/**
 * What the store holds is believed for its MAC, so the head that the follower asks for is signed here, by a key of this
 * instance: a decision point needs no key that could speak to agents. Cost: nothing within a second; then one read of the
 * head, and a query when facts are new.
 */
export function createFunctionFollower(ports: {
  readonly trustDomain: string;
  readonly releaseKeys: FeedTrust['releaseKeys'];
  readonly feedLog: FeedLog;
  readonly objects: Objects;
  readonly clock: Clock;
  readonly onFault: (fault: unknown) => void;
}): () => Promise<DecisionState | undefined> {
  const { trustDomain, releaseKeys, objects, clock } = ports;
  const own = generateSoftwareSigner('ES256');
  const certify = createFeedKeyCertifier({ trustDomain, assertionSigner: async () => own, clock });
  const publisher = createFeedPublisher({ trustDomain, log: ports.feedLog, certify, clock });
  const follower = createFollower({ trustDomain, releaseKeys, assertionKeys: [jwkFromSpki(own.spki)] });
  let freshUntilMs = 0;
  let refreshing: Promise<void> | undefined;

  async function refresh(): Promise<void> {
    for (let more = true; more; ) {
      const page = await publisher.page(follower.position());
      if (page === undefined) return;
      const applied = follower.applyPage(page, clock.nowMs());
      if (!applied.ok) throw new Error(`the feed was refused: ${applied.reason}`);
      more = applied.value.more;
    }
    const wanted = follower.wantedRelease();
    const jws = wanted === undefined ? undefined : await objects.get(releaseObject(wanted));
    if (jws === undefined) return;
    const applied = follower.applyRelease(Buffer.from(jws).toString('latin1'));
    if (!applied.ok) throw new Error(`release ${wanted} was refused: ${applied.reason}`);
  }

  return async () => {
    if (clock.nowMs() >= freshUntilMs) {
      refreshing ??= refresh()
        .catch(ports.onFault)
        .finally(() => {
          freshUntilMs = clock.nowMs() + MAX_AGE_MS;
          refreshing = undefined;
        });
      await refreshing;
    }
    return follower.state(clock.nowMs());
  };
}
