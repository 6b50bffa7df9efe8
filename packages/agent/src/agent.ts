/**
 * The node agent: joins, follows the feed, holds its workloads' SVIDs, serves them by Workload API and SDS, decides beside
 * the proxy, and ships its records. This page is its wiring and order of start; each part has its own folder.
 */
import { randomBytes } from 'node:crypto';
import type { ControlPlaneTrust } from '@postern/api';
import { createBroker, createDecisionIds } from '@postern/broker';
import { createFollower, createWantedBundles } from '@postern/feed';
import { createRequestProof } from '@postern/identity';
import { createSoftwareSigner } from '@postern/keys';
import { type Clock, systemClock } from '@postern/store';
import { createUnixAttestor } from './attest/unix.ts';
import { MAX_SPOOL_BYTES, openRecords } from './audit/records.ts';
import { createRootFollower, FOLLOW_ROOT_MS } from './authority_chain.ts';
import { listenForBundles } from './bundle_endpoint.ts';
import { createControlPlaneClient, type SendCall, type SignProof } from './control_plane/client.ts';
import { createFeedSync } from './control_plane/feed_sync.ts';
import { createDenialLog, createExtAuthz, observeByAll } from './ext_authz/index.ts';
import { createHealth } from './grpc/health.ts';
import { createGrpcServer } from './grpc/server.ts';
import { createIdentityStore } from './identity_store.ts';
import { hasJoinedWith, joinAnew, rememberToken } from './join_anew.ts';
import { createJwtSvids } from './jwt_svids.ts';
import type { Log } from './log.ts';
import { createAgentMetrics } from './metrics/agent_metrics.ts';
import { type CountedLog, createCountedLog } from './metrics/counted_log.ts';
import {
  AgentNotJoined,
  joinNode,
  loadNodeIdentity,
  loadTrust,
  type NodeIdentity,
  pinTrust,
  renewNode,
} from './node_identity.ts';
import { openStateFolder } from './node_state/folder.ts';
import { createPeriodic } from './periodic.ts';
import { missingOf, waitUntilReady } from './readiness.ts';
import { isDueForRenewal } from './renewal.ts';
import { createSecretDiscovery } from './sds/sds.ts';
import { listenForStatus, type StatusPlace } from './status_endpoint.ts';
import { createSvidKeeper } from './svid_keeper.ts';
import { createSpanExporter } from './tracing/span_exporter.ts';
import { createJwtWorkloadApi } from './workload_api/jwt_workload_api.ts';
import { createWorkloadApi } from './workload_api/workload_api.ts';

export interface AgentOptions {
  /** Folder of all state; one agent each. */
  readonly dir: string;
  /** One-time token of the first start; needless afterwards. One that was not joined with here joins anew. A secret. */
  readonly joinToken?: string;
  /** Unix socket of Workload API and SDS. */
  readonly workloadApiSocket: string;
  /** The same once more, where the proxies of a mesh look for it; not when absent. */
  readonly istioSocket?: string;
  /** Unix socket of gRPC ext_authz; none when absent. */
  readonly authzGrpcSocket?: string;
  /** Unix socket of HTTP ext_authz; none when absent. */
  readonly authzHttpSocket?: string;
  /** `strict`: an answer waits until its record is on disk. `batched`: up to two seconds of records are in memory only. */
  readonly auditMode: 'strict' | 'batched';
  /** IP address and port where the trust domain's bundle is served with the agent's own SVID; none when absent. */
  readonly bundleEndpoint?: { readonly address: string; readonly port: number };
  /** Where `/metrics`, `/healthz` and `/readyz` are served: of this machine alone; nowhere when absent. */
  readonly status?: StatusPlace;
  /** Of a collector that gets a span of each decision over OTLP/HTTP, such as `http://127.0.0.1:4318`; none when absent. */
  readonly otlp?: string;
  /** Whether decisions that are no allow are lines of the log; at most some a second. */
  readonly logsDenials?: boolean;
  /** Of Postern, as metrics say it. */
  readonly version?: string;
  /**
   * Signs calls with the node's AWS credentials (service `lambda`), which it looks for when the first one is made; rejects
   * with `CredentialsMissing` where there are none. For control planes whose ingest door IAM guards.
   */
  readonly createSignedFetch?: (target: { readonly region: string }) => SendCall;
  /** For tests, and for control planes that are nearer or farther than usual; each has its own default. */
  readonly pace?: {
    readonly feedMs?: number;
    /** How long after a roll-over the last SVID is renewed for it. */
    readonly followRootMs?: number;
  };
  readonly clock?: Clock;
  readonly log: Log;
}

export interface Agent {
  readonly spiffeId: string;
  /** Of its own SVID, as it is now. */
  serial(): string;
  /** Where it listens for federated trust domains; undefined where it was not asked to. */
  readonly bundleEndpoint: { readonly address: string; readonly port: number } | undefined;
  /** Where it says how it is; undefined where it was not asked to. */
  readonly status: StatusPlace | undefined;
  /** Resolves when a release and every entry's SVID are here; rejects with `AgentNotReady`, which says what is not. */
  ready(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Anybody on the node may ask: who asks is decided by peer credentials, not by file permissions. */
const PUBLIC_SOCKET = 0o777;
const SNAPSHOT_FILE = 'snapshot.json';
const ENTRY_SYNC_MS = 2_000;
const RENEWAL_CHECK_MS = 60_000;

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const countedLog = createCountedLog(options.log);
  const clock = options.clock ?? systemClock;
  const folder = openStateFolder(options.dir);
  try {
    return await start(options, folder, clock, countedLog);
  } catch (fault) {
    folder.close();
    throw fault;
  }
}

function ingestOf({ ingest }: ControlPlaneTrust, { createSignedFetch }: AgentOptions) {
  if (ingest === undefined) return undefined;
  if (createSignedFetch === undefined) throw new TypeError('this control plane takes records by signed calls alone');
  return { url: ingest.url, send: createSignedFetch({ region: ingest.region }) };
}

async function start(
  options: AgentOptions,
  folder: ReturnType<typeof openStateFolder>,
  clock: Clock,
  countedLog: CountedLog,
): Promise<Agent> {
  const { log } = countedLog;
  // Who we are and whom we believe: pinned by the join token, kept across restarts.
  let secret: string | undefined;
  const isJoined = loadTrust(folder) !== undefined && loadNodeIdentity(folder, clock.nowMs()) !== undefined;
  if (options.joinToken !== undefined && isJoined && !hasJoinedWith(folder, options.joinToken)) {
    const createClient = (url: string) => createControlPlaneClient({ url, signProof: async () => undefined });
    const anew = await joinAnew({ folder, createClient, log }, options.joinToken, clock.nowMs());
    if (anew !== undefined) log('info', 'joined', { spiffeId: anew.spiffeId, serial: anew.serial });
  }
  if (options.joinToken !== undefined && !isJoined) {
    const pinned = pinTrust(folder, options.joinToken);
    if (!pinned.ok) throw new AgentNotJoined(pinned.reason);
    secret = pinned.value.secret;
  }
  const trust = loadTrust(folder);
  if (trust === undefined) throw new AgentNotJoined('join-token-missing');

  let identity: NodeIdentity | undefined = loadNodeIdentity(folder, clock.nowMs());
  const signProof: SignProof = async (call) => {
    if (identity === undefined) return undefined;
    return createRequestProof({
      ...call,
      trustDomain: trust.trustDomain,
      audience: trust.url,
      signer: createSoftwareSigner(identity.privateKey, 'ES256'),
      chain: identity.chain,
      nowMs: clock.nowMs(),
    });
  };
  const client = createControlPlaneClient({ url: trust.url, signProof, ingest: ingestOf(trust, options) });
  if (identity === undefined) {
    if (secret === undefined) throw new AgentNotJoined('svid-expired');
    const joined = await joinNode({ client, folder, trust }, secret, clock.nowMs());
    if (!joined.ok) throw new AgentNotJoined(joined.reason);
    identity = joined.value;
    if (options.joinToken !== undefined) rememberToken(folder, options.joinToken);
    log('info', 'joined', { spiffeId: identity.spiffeId, serial: identity.serial });
  }
  const { spiffeId } = identity;

  // What decisions are made with; from disk first, so that a start without the control plane decides too.
  const follower = createFollower(trust);
  const snapshot = folder.load(SNAPSHOT_FILE);
  if (snapshot !== undefined) {
    const restored = follower.restore(snapshot, clock.nowMs());
    log(restored.ok ? 'info' : 'error', 'snapshot-restored', {
      ok: restored.ok,
      reason: restored.ok ? undefined : restored.reason,
    });
  }
  const store = createIdentityStore(trust.trustDomain);
  let bundlesSeen: unknown;
  let bundleSequence = identity.bundleSequence;
  let onBundles = () => {};
  // Identities need no release: until the feed says more, the authorities pinned at the join are the trust domain's.
  store.setBundles(new Map([[trust.trustDomain, identity.authorities]]));
  const takeBundles = () => {
    const bundles = follower.bundles(clock.nowMs());
    // A feed that has never said anything of our own trust domain takes nothing back that was pinned.
    if (bundles === undefined || bundles === bundlesSeen || !(bundles.has(trust.trustDomain) || bundlesSeen)) return;
    bundlesSeen = bundles;
    const sequence = bundles.get(trust.trustDomain)?.sequence ?? bundleSequence;
    const isOther = sequence !== bundleSequence;
    store.setBundles(
      new Map([...bundles].map(([name, bundle]) => [name, bundle.x509Authorities])),
      new Map([...bundles].map(([name, bundle]) => [name, bundle.jwtAuthorities])),
    );
    bundleSequence = sequence;
    if (isOther) onBundles();
  };
  takeBundles();
  const wanted = createWantedBundles({ ownTrustDomain: trust.trustDomain, clock });
  const feed = createFeedSync({
    client,
    follower,
    clock,
    log,
    saveSnapshot: (text) => folder.save(SNAPSHOT_FILE, text),
    changed: takeBundles,
    bundleSequence: () => bundleSequence,
    wanted,
    ...(options.pace?.feedMs !== undefined && { periodMs: options.pace.feedMs }),
  });

  const spans =
    options.otlp === undefined
      ? undefined
      : createSpanExporter({ url: options.otlp, version: options.version ?? '', nowMs: () => clock.nowMs(), log });
  const metrics = createAgentMetrics({
    version: options.version ?? '',
    nowMs: () => clock.nowMs(),
    state: () => follower.state(clock.nowMs()),
    others: spans === undefined ? [countedLog] : [countedLog, spans],
  });

  const nextId = createDecisionIds(randomBytes);
  const records = openRecords({
    dir: folder.dir,
    spiffeId,
    auditMode: options.auditMode,
    createId: () => nextId(clock.nowMs()),
    client,
    clock,
    log,
    onAcknowledged: metrics.acknowledged,
  });
  const { producer } = records;

  // Services of this node.
  const { followRootMs = FOLLOW_ROOT_MS } = options.pace ?? {};
  const oftenEnough = (periodMs: number) => Math.min(periodMs, followRootMs);
  const revocations = () => follower.state(clock.nowMs())?.revocations ?? new Map();
  const keeper = createSvidKeeper({ client, store, clock, log, revocations, followRootMs });
  const root = createRootFollower(() => store.bundles([]).get(trust.trustDomain) ?? [], followRootMs);
  const attestor = createUnixAttestor({
    needsDigest: () =>
      store.entries().some((entry) => entry.selectors.some((selector) => selector.startsWith('unix:sha256:'))),
  });
  const identityPorts = { source: store, attestor, log };
  let isSynced = false;
  const readiness = { follower, hasIdentities: () => isSynced && store.isReady(), nowMs: () => clock.nowMs() };
  const missing = () => missingOf(readiness).map(([name]) => name);
  const isReady = () => missing().length === 0;
  const workloadServer = createGrpcServer({
    methods: {
      ...createWorkloadApi(identityPorts),
      ...createJwtWorkloadApi({
        ...identityPorts,
        jwtSvids: createJwtSvids({
          client,
          authorities: () => store.jwtAuthorities([]).get(trust.trustDomain) ?? [],
          clock,
          log,
        }),
        revocations,
        onUnknownKey: wanted.note,
        clock,
      }),
      ...createSecretDiscovery(identityPorts),
      ...createHealth(
        new Map([
          ['', isReady],
          ['SpiffeWorkloadAPI', store.isReady],
          ['envoy.service.secret.v3.SecretDiscoveryService', store.isReady],
        ]),
      ),
    },
    log,
    takesPathAuthority: true,
  });
  const extAuthz = createExtAuthz({
    observer: observeByAll([
      metrics.observer,
      ...(spans === undefined ? [] : [spans.observer]),
      ...(options.logsDenials === true ? [createDenialLog(log)] : []),
    ]),
    broker: createBroker({
      clock,
      onUnknownAuthority: wanted.note,
      onFault: (fault, id) => log('error', 'decision-fault', { id, error: (fault as Error)?.message }),
    }),
    state: () => follower.state(clock.nowMs()),
    source: store,
    attestor,
    record: (body, id) => producer.append(body, id),
    log,
  });
  const authzServer = createGrpcServer({
    methods: {
      ...extAuthz.grpcMethods,
      ...createHealth(
        new Map([
          ['', isReady],
          ['envoy.service.auth.v3.Authorization', isReady],
        ]),
      ),
    },
    log,
  });
  await workloadServer.listen(options.workloadApiSocket, PUBLIC_SOCKET);
  if (options.istioSocket !== undefined) await workloadServer.listen(options.istioSocket, PUBLIC_SOCKET);
  if (options.authzGrpcSocket !== undefined) await authzServer.listen(options.authzGrpcSocket, PUBLIC_SOCKET);
  const httpServer =
    options.authzHttpSocket === undefined
      ? undefined
      : await extAuthz.listenHttp(options.authzHttpSocket, PUBLIC_SOCKET);
  const bundleEndpoint =
    options.bundleEndpoint === undefined
      ? undefined
      : await listenForBundles(
          { identity, bundle: () => follower.bundles(clock.nowMs())?.get(trust.trustDomain), log },
          options.bundleEndpoint,
        );

  // Loops.
  const entries = createPeriodic('entries', oftenEnough(ENTRY_SYNC_MS), log, async () => {
    await keeper.sync();
    isSynced = true;
  });
  const renewal = createPeriodic('renewal', oftenEnough(RENEWAL_CHECK_MS), log, async () => {
    const nowMs = clock.nowMs();
    if (identity === undefined || !(isDueForRenewal(identity, nowMs) || root.isDue(identity, nowMs))) return;
    const renewed = await renewNode({ client, folder, trust }, nowMs, identity);
    if (!renewed.ok) return log('error', 'renewal-refused', { reason: renewed.reason });
    identity = renewed.value;
    bundleEndpoint?.present(identity);
    log('info', 'renewed', { serial: identity.serial });
  });
  // What leads to an authority that is gone is not left for the next round.
  onBundles = () => {
    entries.wake();
    renewal.wake();
  };
  const parts = {
    isReady,
    agentNotAfterMs: () => identity?.notAfterMs ?? 0,
    store,
    producer,
    spool: records.spool,
    spoolMaxBytes: MAX_SPOOL_BYTES,
    leftoverRuns: records.leftoverRuns,
    sockets: {
      'workload-api': workloadServer,
      'ext-authz': options.authzGrpcSocket === undefined ? undefined : authzServer,
      'ext-authz-http': httpServer,
    },
    grpcServers: [workloadServer, authzServer],
  };
  const status =
    options.status === undefined
      ? undefined
      : await listenForStatus({ metrics: (format) => metrics.render(format, parts), missing, log }, options.status);

  await feed.sync();
  feed.start();
  entries.start();
  renewal.start();
  records.start();

  const { serial } = identity;
  return {
    spiffeId,
    serial: () => identity?.serial ?? serial,
    bundleEndpoint: bundleEndpoint && { address: bundleEndpoint.address, port: bundleEndpoint.port },
    status: status?.place,
    ready: (timeoutMs) => waitUntilReady(readiness, timeoutMs),
    async stop() {
      await Promise.all([feed.stop(), entries.stop(), renewal.stop()]);
      await Promise.all([
        workloadServer.close(),
        options.authzGrpcSocket === undefined ? undefined : authzServer.close(),
        httpServer?.close(),
        bundleEndpoint?.close(),
        status?.close(),
      ]);
      await extAuthz.flush();
      await spans?.stop();
      await records.stop();
      folder.close();
    },
  };
}
