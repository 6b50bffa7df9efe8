/**
 * Every function in one process, on the embedded store and software keys below one folder: the same apps and ports as in
 * the cloud, other adapters. For trying, developing and single-machine use. Read as a table of contents.
 */
import { join } from 'node:path';
import type { ControlPlaneTrust } from '@postern/api';
import type { RolloverTimes } from '@postern/ca';
import type { AddressRange } from '@postern/outbound';
import { parseTrustDomain } from '@postern/spiffe';
import { type Clock, systemClock } from '@postern/store';
import type { AcmeFunctionPorts } from './acme/open.ts';
import { type Adapters, openAdapters } from './local/adapters.ts';
import { verifyAdministratorToken } from './local/administrator_token.ts';
import { readAttestorSecrets } from './local/attestor_secret.ts';
import { listenAsDecisionPoint } from './local/decision_point.ts';
import { openLocalFunctions } from './local/functions.ts';
import { listenForPublic } from './local/public_listener.ts';
import { loadOrCreateSecret, openStateFolder } from './local/secret_file.ts';
import { createShutdown, type Shutdown } from './local/shutdown.ts';
import { createTicks } from './local/ticks.ts';
import { describeFault, type FunctionLog } from './ports.ts';
import { loadControlPlaneTrust, openTrustAnchors } from './trust_anchors.ts';

export interface LocalOptions {
  /** Folder of all state, such as `.postern`; made 0700. */
  readonly dir: string;
  readonly trustDomain: string;
  /** 0: any free port. A join token names the port, so a lasting deployment has a fixed one. */
  readonly port: number;
  readonly authorizePort: number;
  readonly clock?: Clock;
  readonly log: FunctionLog;
  /** In place of the embedded ones; whoever gives them closes them. */
  readonly adapters?: Partial<Adapters>;
  /** Private networks where token issuers and federated endpoints may be, besides this machine. */
  readonly outboundRanges?: readonly AddressRange[];
  /** How long a rollover waits in each phase; for tests. */
  readonly rolloverTimes?: Partial<RolloverTimes>;
  /** Origin that ACME clients are led to, where a front door with TLS is before this one: many refuse plain HTTP. */
  readonly acmeUrl?: string;
  /** Ranges such as `10.0.0.0/8`: where ACME's challenges may be fetched though nobody outside could. */
  readonly acmeAllowedRanges?: readonly string[];
  /** In tests, where names lead and on which port they answer. */
  readonly acmeNetwork?: AcmeFunctionPorts['acmeNetwork'];
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
  const parsed = parseTrustDomain(options.trustDomain);
  if (!parsed.ok) throw new RangeError(`\`${options.trustDomain}\` is not a trust domain name: ${parsed.reason}`);
  const trustDomain = parsed.value;
  openStateFolder(dir);
  const administratorTokenFile = join(dir, 'admin-token');
  const postureSecretFile = join(dir, 'posture-webhook-secret');
  const administratorToken = loadOrCreateSecret(administratorTokenFile);
  const postureSecret = Buffer.from(loadOrCreateSecret(postureSecretFile));

  // The stores and keys, and the functions on them. The listener's URL is part of what proofs are made for.
  const adapters = openAdapters({ dir, clock, given: options.adapters ?? {}, shutdown });
  const listener = await listenForPublic(HOST, options.port);
  shutdown.add(listener.close);
  const { rolloverTimes = {}, outboundRanges = [] } = options;
  const { url } = listener;
  const ground = { ...adapters, adapters, trustDomain, clock, log, url, rolloverTimes, outboundRanges, shutdown };
  const verifyAdministrator = verifyAdministratorToken(administratorToken);
  const attestorSecret = readAttestorSecrets(dir);
  const acme = {
    acmeAllowedRanges: options.acmeAllowedRanges ?? [],
    ...(options.acmeUrl !== undefined && { acmeUrl: originOf(options.acmeUrl) }),
    ...(options.acmeNetwork !== undefined && { acmeNetwork: options.acmeNetwork }),
  };
  const functions = await openLocalFunctions({ ...ground, acme, verifyAdministrator, postureSecret, attestorSecret });
  listener.mount(functions.apps.map(({ app }) => app));
  // Closed again before the functions are: nobody is let in while they write their last records.
  shutdown.add(listener.close);

  // Who asks for decisions over mTLS is known by trust bundle and token keys, which the first ticks put into the feed.
  const ticks = createTicks(functions.ticks, log);
  await ticks.run();
  const { authority } = functions.issue;
  const place = { host: HOST, port: options.authorizePort };
  const decisionPoint = await listenAsDecisionPoint({
    ...ground,
    ...place,
    opened: functions.authorize,
    authority,
    onFault,
  });
  ticks.start();
  shutdown.add(ticks.stop);

  const anchors = await openTrustAnchors({ ...ground });
  return {
    url: listener.url,
    authorizeUrl: decisionPoint.url,
    trust: await loadControlPlaneTrust(ground, anchors, { url: listener.url }),
    administratorTokenFile,
    postureSecretFile,
    tick: ticks.run,
    stop: shutdown.run,
  };
}

function originOf(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text && text.startsWith('https:')) return text;
  throw new RangeError(`\`${text.slice(0, 200)}\` is no https origin such as https://acme.example.org`);
}
