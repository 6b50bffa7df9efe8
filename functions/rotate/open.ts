import { randomBytes } from 'node:crypto';
import { certifyProducer } from '@postern/audit';
import { createDecisionIds } from '@postern/broker';
import {
  type AuthorityState,
  bundleOf,
  certificateOf,
  checkNameConstraint,
  createAuthorityStore,
  KMS_ISSUER_SECONDS,
  publishedOf,
  ROLLOVER_TIMES,
  type RolloverTimes,
  readOwnCertificate,
  signingOf,
} from '@postern/ca';
import { createFeedKeyCertifier, createFeedLog, type FeedLog, FeedTampered } from '@postern/feed';
import { listConsumers } from '../consumers.ts';
import { createAuthorityView } from '../door/authority_view.ts';
import type { IdentifyFunction } from '../door/door.ts';
import type { StorePorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import type { AnnouncePorts } from './announce_issuer.ts';
import { createRotateApp } from './app.ts';
import { createAuthorityCommands } from './authority_commands.ts';
import { beginAuthority } from './begin_authority.ts';
import type { Certifier } from './certifier.ts';
import { createCertifyIssuer } from './certify_issuer.ts';
import { createCoverage } from './coverage.ts';
import { keepKmsIssuer } from './kms_issuer.ts';
import { openRevocations } from './open_revocations.ts';
import { createRollingAuthority } from './rolling_authority.ts';
import { loadOrCreateRoot } from './root.ts';

export interface OpenRotate extends OpenApp {
  /** What other functions of the same process ask. */
  readonly certifier: Certifier;
  tick(): Promise<void>;
}

export interface RotateFunctionPorts extends StorePorts {
  readonly identify: IdentifyFunction;
  /** Whether issuers' certificates have a name constraint (docs/decisions/0015); none when absent. */
  readonly constrainIssuers?: boolean;
  readonly rolloverTimes?: Partial<RolloverTimes>;
}

/** The first of all functions to run: it makes the root and opens the feed. Its tick moves the authority. */
export async function openRotate(ports: RotateFunctionPorts): Promise<OpenRotate> {
  const { table, objects, keys, clock, trustDomain, constrainIssuers: isNameConstrained = false } = ports;
  if (isNameConstrained) checkNameConstraint(trustDomain);
  const [rootSigner, mac] = await Promise.all([keys.signer('root'), keys.mac('facts')]);
  const assertionSigner = () => keys.signer('assertion');
  const feedLog = createFeedLog({ table, mac });
  const beforeCreating = () => beginFeed(feedLog, createDecisionIds(randomBytes)(clock.nowMs()));
  const root = await loadOrCreateRoot({ objects, signer: rootSigner, trustDomain, clock, beforeCreating });
  // With it every revocation would be gone: who deletes the feed stops it, and gets no new one.
  if ((await feedLog.head()) === undefined) throw new FeedTampered('there is a root certificate, but the feed is gone');
  const store = createAuthorityStore({ table, assertionKey: await keys.publicKey('assertion'), trustDomain });
  await beginAuthority({ store, feedLog, keys, root, trustDomain, clock });

  const authority = createRollingAuthority({
    ...ports,
    store,
    feedLog,
    coverage: createCoverage(table),
    times: { ...ROLLOVER_TIMES, ...ports.rolloverTimes },
    consumers: (state) => {
      const bundle = bundleOf(state);
      const { isRevoked, isAgentRevoked } = createAuthorityView({ bundle: async () => bundle, feedLog, clock });
      return listConsumers({ table, state, clock, isRevoked, isAgentRevoked });
    },
    recordStep: (step) => recorder.record({ kind: 'rollover-step', ...step }),
    alarm: (step, by) => ports.log('error', 'authority-override', { step, by }),
  });
  const operateAuthority = createAuthorityCommands({ authority, keys, trustDomain, clock });
  const recordIssuer: AnnouncePorts['recordIssuer'] = (issuer) =>
    recorder.record({ kind: 'issuer-certified', ...issuer });
  const { certifying } = authority;
  const revocations = openRevocations({
    ...ports,
    mac,
    feedLog,
    roots: async () => rootsOf(await authority.read()),
    record: (list) => recorder.record({ kind: 'revocation-list', ...list }),
  });
  const certifier: Certifier = {
    certifyIssuer: createCertifyIssuer({
      trustDomain,
      certifying,
      isNameConstrained,
      feedLog,
      table,
      clock,
      recordIssuer,
    }),
    certifyFeedKey: createFeedKeyCertifier({ trustDomain, assertionSigner, clock }),
    certifyProducer: async ({ producer, key: jwk, owner }) =>
      certifyProducer({ producer, jwk, owner, atMs: clock.nowMs() }, await assertionSigner()),
    operateAuthority,
    applyRevocations: revocations.apply,
    openRevocationList: revocations.openList,
  };
  const recorder = createRecorder('rotate', { ...ports, certifier });
  const door = { ...recorder.doorPorts, identify: ports.identify };
  const app = createRotateApp({ ...door, trustDomain, certifier, operateAuthority });
  async function tick(): Promise<void> {
    await authority.tick('rotate');
    const state = await authority.read();
    await keepKmsIssuer({
      rootSigner: async () => (await certifying(KMS_ISSUER_SECONDS)).signer,
      root: readOwnCertificate(certificateOf(signingOf(state, 'root'))),
      roots: rootsOf(state),
      recordIssuer,
      isNameConstrained,
      trustDomain,
      objects,
      keys,
      feedLog,
      clock,
    });
    await revocations.apply();
  }
  return { app, certifier, tick, ...recorder.lifecycle };
}

const rootsOf = (state: AuthorityState) =>
  publishedOf(state, 'root').map((it) => readOwnCertificate(certificateOf(it)));

/** The feed before the root: a start that ends between the two begins again, and nothing is in the feed by then. */
async function beginFeed(feedLog: FeedLog, epoch: string): Promise<void> {
  const { sequence, releaseNumber } = await feedLog.open(epoch);
  if (sequence > 0 || releaseNumber > 0) throw new FeedTampered('there is a feed, but the root certificate is gone');
}
