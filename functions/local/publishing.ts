/** Releases as they are kept here, who publishes them, and the token keys that follow from them. */
import type { FeedLog } from '@postern/feed';
import { jwkFromSpki } from '@postern/keys';
import type { Clock } from '@postern/store';
import { createPublisher, type Publisher } from '../publish/publish.ts';
import { loadStoredRelease, type ReleaseStore } from '../publish/releases.ts';
import { createKeyFetcher, publishTokenKeys } from '../publish/token_keys.ts';
import type { Adapters } from './adapters.ts';
import type { LocalLog } from './log.ts';
import type { LocalTrustDomain } from './trust_domain.ts';

export interface Publishing {
  readonly releases: ReleaseStore;
  readonly publisher: Publisher;
  /** Scheduled: fetches the keys of the token issuers that the release in force names. */
  publishKeys(): Promise<void>;
}

export function createPublishing(ports: {
  readonly adapters: Adapters;
  readonly domain: LocalTrustDomain;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
  readonly log: LocalLog;
}): Publishing {
  const { feedLog, clock, log } = ports;
  const { objects } = ports.adapters;
  const { trustDomain, signers } = ports.domain;
  const releases = { objects, trustDomain, releaseKeys: [jwkFromSpki(signers.release.spki)] };
  // A development provider runs on this machine, without TLS.
  const fetchKeys = createKeyFetcher({ allowLoopback: true });
  return {
    releases,
    publisher: createPublisher({ trustDomain, objects, feedLog, releaseSigner: async () => signers.release, clock }),
    async publishKeys() {
      const number = (await feedLog.head())?.releaseNumber ?? 0;
      const release = number === 0 ? undefined : await loadStoredRelease(releases, number);
      await publishTokenKeys({
        issuers: release?.issuers ?? [],
        fetchKeys,
        feedLog,
        clock,
        report: (issuer, reason) => log('warn', 'token-keys-not-published', { issuer, reason }),
      });
    },
  };
}
