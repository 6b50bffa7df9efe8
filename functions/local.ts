/**
 * Every function in one process, on the embedded store and software keys below one folder: the same apps and ports as in
 * the cloud, other adapters. For trying, developing and single-machine use. Read as a table of contents.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ControlPlaneTrust } from '@postern/api';
import { createTrail } from '@postern/audit';
import { createDecisionIds } from '@postern/broker';
import { createFeedLog, createFeedPublisher } from '@postern/feed';
import { type Clock, systemClock } from '@postern/store';
import { type Adapters, openAdapters } from './local/adapters.ts';
import { verifyAdministratorToken } from './local/administrator_token.ts';
import { openDecisionPoint } from './local/decision_point.ts';
import { openDoorPorts } from './local/door_ports.ts';
import { createDoors } from './local/doors.ts';
import { createIssuing } from './local/issuing.ts';
import { describeFault, type LocalLog } from './local/log.ts';
import { openFunctionProducers } from './local/producers.ts';
import { listenForPublic } from './local/public_listener.ts';
import { createPublishing } from './local/publishing.ts';
import { loadOrCreateSecret, openStateFolder } from './local/secret_file.ts';
import { createShutdown, type Shutdown } from './local/shutdown.ts';
import { createTicks } from './local/ticks.ts';
import { openTrustDomain } from './local/trust_domain.ts';
import { publishTrustBundle } from './rotate/trust_bundle.ts';

export interface LocalOptions {
  /** Folder of all state, such as `.postern`; made 0700. */
  readonly dir: string;
  readonly trustDomain: string;
  /** 0: any free port. A join token names the port, so a lasting deployment has a fixed one. */
  readonly port: number;
  readonly authorizePort: number;
  readonly clock?: Clock;
  readonly log: LocalLog;
  /** In place of the embedded ones; whoever gives them closes them. */
  readonly adapters?: Partial<Adapters>;
}

export interface LocalControlPlane {
  /** Origin of the public and administrative doors. */
  readonly url: string;
  /** Origin of `authorize`; mTLS with X.509-SVIDs. */
  readonly authorizeUrl: string;
  readonly trust: ControlPlaneTrust;
  readonly administratorTokenFile: string;
  readonly postureSecretFile: string;
  /** Runs the scheduled work now. */
  tick(): Promise<void>;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const POSTURE_MAX_AGE_SECONDS = 24 * 60 * 60;

/** Throws when it cannot start, with nothing left open. */
export async function startLocal(options: LocalOptions): Promise<LocalControlPlane> {
  const shutdown = createShutdown();
  try {
    return await open(options, shutdown);
  } catch (fault) {
    // The first fault says why; what follows from it while closing does not.
    await shutdown.run().catch(() => undefined);
    throw fault;
  }
}

async function open(options: LocalOptions, shutdown: Shutdown): Promise<LocalControlPlane> {
  const { dir, log, clock = systemClock } = options;
  const onFault = (fault: unknown) => log('error', 'function-fault', { error: describeFault(fault) });
  const nextId = createDecisionIds(randomBytes);
  const createId = () => nextId(clock.nowMs());
  openStateFolder(dir);
  const administratorTokenFile = join(dir, 'admin-token');
  const postureSecretFile = join(dir, 'posture-webhook-secret');
  const administratorToken = loadOrCreateSecret(administratorTokenFile);
  const postureSecret = Buffer.from(loadOrCreateSecret(postureSecretFile));

  // The stores and keys, and the trust domain they hold.
  const adapters = openAdapters({ dir, clock, given: options.adapters ?? {}, shutdown });
  const { table, objects, keys } = adapters;
  const domain = await openTrustDomain({ name: options.trustDomain, keys, objects, clock });
  const { trustDomain, bundle } = domain;
  const assertionSigner = domain.signers.assertion;

  // The trail with a producer for each function, and the feed.
  const trail = createTrail({ table, objects });
  const recordBy = await openFunctionProducers({ trail, assertionSigner, clock, createId, shutdown });
  const feedLog = createFeedLog({ table, mac: await keys.mac('facts') });
  await feedLog.open(createId());
  const feedKeySigner = async () => assertionSigner;
  const feedPublisher = createFeedPublisher({ trustDomain, log: feedLog, assertionSigner: feedKeySigner, clock });
  const doorPorts = openDoorPorts({ recordBy, log, onFault, shutdown });

  // What the doors are made of.
  const ground = { adapters, domain, feedLog, feedPublisher, recordBy, clock, log, onFault, shutdown };
  const issuing = await createIssuing({ ...ground, createId });
  const publishing = createPublishing(ground);
  const rotate = () => publishTrustBundle({ bundle, feedLog, clock });
  const ticks = createTicks({ rotate, publish: publishing.publishKeys }, log);

  // The doors.
  const listener = await listenForPublic(HOST, options.port);
  shutdown.add(listener.close);
  const trust = domain.trustOf(listener.url);
  const doors = createDoors({
    ...ground,
    doorPorts,
    trust,
    trail,
    issuing,
    publishing,
    postureSource: { name: 'generic', secrets: [postureSecret], maxAgeSeconds: POSTURE_MAX_AGE_SECONDS },
    verifyAdministrator: verifyAdministratorToken(administratorToken),
    afterPublication: () => publishing.publishKeys().catch(onFault),
  });
  listener.mount(doors);

  // The decision point for those without an agent, when trust bundle and token keys are in the feed.
  await ticks.run();
  const { authority } = issuing;
  const place = { host: HOST, port: options.authorizePort };
  const decisionPoint = await openDecisionPoint({ ...ground, ...place, trust, objects, authority });
  ticks.start();
  shutdown.add(ticks.stop);

  return {
    url: listener.url,
    authorizeUrl: decisionPoint.url,
    trust,
    administratorTokenFile,
    postureSecretFile,
    tick: ticks.run,
    stop: shutdown.run,
  };
}
