/**
 * Keeps a follower at the head of the feed: asks every second, with jitter, backs off while the control plane is away,
 * and saves what is needed to decide when this process starts again without it.
 */
import type { Follower, WantedBundles } from '@postern/feed';
import type { Clock } from '@postern/store';
import type { Log } from '../log.ts';
import type { ControlPlaneClient } from './client.ts';

/** One second is what "revoked within two seconds" allows; ±20 % so that agents do not ask in step. */
const PERIOD_MS = 1000;
/** A snapshot vouches for freshness by its head: without a change it is still saved anew this often. */
const RESAVE_MS = 60_000;
const MAX_BACKOFF_MS = 15_000;

export interface FeedSync {
  /** One round: every page up to the head and the release it names. Answers whether it got there. */
  sync(): Promise<boolean>;
  start(): void;
  stop(): Promise<void>;
}

export function createFeedSync(ports: {
  readonly client: ControlPlaneClient;
  readonly follower: Follower;
  readonly clock: Clock;
  readonly log: Log;
  readonly saveSnapshot: (snapshot: string) => void;
  /** Called after every page: what decisions are made with may have changed. */
  readonly changed: () => void;
  /** Sequence of the trust bundle that workloads were given; undefined while there is none. */
  readonly bundleSequence: () => number | undefined;
  /** Bundles that are asked for before their time. */
  readonly wanted: Pick<WantedBundles, 'next' | 'told'>;
  readonly periodMs?: number;
}): FeedSync {
  const { client, follower, clock, log, periodMs = PERIOD_MS } = ports;
  let failures = 0;
  let savedVersion = '';
  let savedAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  async function pages(): Promise<boolean> {
    for (;;) {
      const bundle = ports.bundleSequence();
      const wanted = ports.wanted.next();
      const page = await client.feedPage({
        ...follower.position(),
        ...(bundle !== undefined && { bundle }),
        ...(wanted !== undefined && { wanted }),
      });
      if (!page.ok) return refused('feed-page-refused', page.reason);
      if (wanted !== undefined) ports.wanted.told(wanted);
      const applied = follower.applyPage(page.value, clock.nowMs());
      if (!applied.ok) return refused('feed-refused', applied.reason);
      if (applied.value.more) continue;
      ports.changed();
      return true;
    }
  }

  async function release(): Promise<boolean> {
    const wanted = follower.wantedRelease();
    if (wanted === undefined) return true;
    const jws = await client.release(wanted);
    if (!jws.ok) return refused('release-not-had', jws.reason);
    const applied = follower.applyRelease(jws.value);
    if (!applied.ok) return refused('release-refused', applied.reason);
    log('info', 'release-applied', { number: wanted });
    return true;
  }

  function refused(event: string, reason: string): false {
    log('error', event, { reason });
    return false;
  }

  function save(): void {
    const state = follower.state(clock.nowMs());
    const version = state && `${state.epoch}/${state.sequence}/${state.release.release.number}`;
    if (version === undefined) return;
    const isFreshEnough = clock.nowMs() - savedAtMs < RESAVE_MS;
    if (version === savedVersion && isFreshEnough) return;
    const snapshot = follower.snapshot();
    if (snapshot === undefined) return;
    ports.saveSnapshot(snapshot);
    savedVersion = version;
    savedAtMs = clock.nowMs();
  }

  async function sync(): Promise<boolean> {
    try {
      const isCurrent = (await pages()) && (await release());
      save();
      if (isCurrent && failures > 0) log('info', 'feed-reached-again', { failures });
      failures = isCurrent ? 0 : failures + 1;
      return isCurrent;
    } catch (fault) {
      failures += 1;
      if (failures === 1) log('warn', 'feed-unreachable', { error: (fault as Error).message });
      return false;
    }
  }

  function schedule(): void {
    const backoffMs = Math.min(MAX_BACKOFF_MS, periodMs * 2 ** Math.min(failures, 10));
    timer = setTimeout(
      () => {
        running = sync().then(() => {
          if (timer !== undefined) schedule();
        });
      },
      backoffMs * (0.8 + 0.4 * Math.random()),
    );
  }

  return {
    sync,
    start: schedule,
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };
}
