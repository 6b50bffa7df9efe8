import { createFederationStore } from '@postern/ca';
import { createFeedLog } from '@postern/feed';
import { jwkFromSpki } from '@postern/keys';
import type { VerifyAdministrator } from '../door/administrator.ts';
import type { OutboundPlaces } from '../outbound.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { listWantedBundles } from '../wanted_bundles.ts';
import { createPublishApp } from './app.ts';
import { fetchBundle } from './federation/fetch_bundle.ts';
import { createBundleFollower, isRollback } from './federation/follow_bundles.ts';
import { createPublisher } from './publish.ts';
import { loadStoredRelease } from './releases.ts';
import { createKeyFetcher, publishTokenKeys } from './token_keys.ts';

export interface OpenPublish extends OpenApp {
  tick(): Promise<void>;
}

/** Its tick fetches what others publish: keys of the token issuers that the release names, bundles of federated domains. */
export async function openPublish(
  ports: FunctionPorts & {
    readonly verifyAdministrator: VerifyAdministrator;
    /** Where a development provider, without TLS, runs on this machine. */
    readonly allowLoopbackIssuers: boolean;
  } & Pick<OutboundPlaces, 'outboundRanges' | 'webAuthorities'>,
): Promise<OpenPublish> {
  const { table, objects, keys, clock, trustDomain, log, verifyAdministrator } = ports;
  const recorder = createRecorder('publish', ports);
  const [mac, releaseKey] = await Promise.all([keys.mac('facts'), keys.publicKey('release')]);
  const feedLog = createFeedLog({ table, mac });
  const releases = { objects, trustDomain, releaseKeys: [jwkFromSpki(releaseKey)] };
  const { outboundRanges = [], webAuthorities } = ports;
  const places: OutboundPlaces = { outboundRanges, webAuthorities, allowLoopback: ports.allowLoopbackIssuers };
  const fetchKeys = createKeyFetcher(places);

  const bundles = createBundleFollower({
    relationships: createFederationStore({
      table,
      mac,
      clock,
      onForged: (key) => log('error', 'federation-forged', { ...key }),
    }),
    wanted: () => listWantedBundles(table),
    fetchBundle: (relationship, known) => fetchBundle(relationship, { ...known, places }),
    feedLog,
    clock,
    random: Math.random,
    report: (federated, reason, ageMs) =>
      log(isRollback(reason) ? 'error' : 'warn', 'federated-bundle-not-fetched', {
        federated,
        reason,
        ageSeconds: ageMs === undefined ? undefined : Math.round(ageMs / 1000),
      }),
  });

  async function tick(): Promise<void> {
    await Promise.all([bundles.tick(), followIssuers()]);
  }

  async function followIssuers(): Promise<void> {
    const number = (await feedLog.head())?.releaseNumber ?? 0;
    const release = number === 0 ? undefined : await loadStoredRelease(releases, number);
    await publishTokenKeys({
      issuers: release?.issuers ?? [],
      fetchKeys,
      feedLog,
      clock,
      report: (issuer, reason) => log('warn', 'token-keys-not-published', { issuer, reason }),
    });
  }

  const app = createPublishApp({
    ...recorder.doorPorts,
    verifyAdministrator,
    publisher: createPublisher({ trustDomain, objects, feedLog, releaseSigner: () => keys.signer('release'), clock }),
    releases,
    feedLog,
    recordIntent: (subject, by) =>
      recorder.record({ kind: 'administrator-action', action: 'release-publish', subject, by: by.name }),
    recordPublication: ({ release, digest }, by) => {
      const { number: releaseNumber, contentDigest } = release;
      return recorder.record({ kind: 'release-published', releaseNumber, digest, contentDigest, by: by.name });
    },
    afterPublication: () => tick().catch(recorder.onFault),
  });
  return { app, tick, ...recorder.lifecycle };
}
