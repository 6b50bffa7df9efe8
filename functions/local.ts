/**
 * Every function in one process, on the embedded store and software keys below one folder: the same apps and ports as in
 * the cloud, other adapters. For trying, developing and single-machine use.
 */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlaneTrust } from '@postern/api';
import { createTrail, type RecordBody } from '@postern/audit';
import { createBroker, createDecisionIds } from '@postern/broker';
import {
  AGENT_PROFILE,
  createAuthority,
  createCsr,
  createEntryStore,
  createEphemeralIssuer,
  createJoinTokenStore,
  createLineageStore,
  type IssuanceAudit,
  readOwnCertificate,
} from '@postern/ca';
import { encodePem } from '@postern/der';
import { createFeedLog, createFeedPublisher } from '@postern/feed';
import { createReplayGuard, isDistrusted, isRevoked } from '@postern/identity';
import { jwkFromSpki, openSoftwareKeyRing } from '@postern/keys';
import { parseSpiffeId, parseTrustDomain, type TrustBundle } from '@postern/spiffe';
import { type Clock, systemClock } from '@postern/store';
import { openFolderObjects, openSqliteTable } from '@postern/store/embedded';
import { createAdminApp } from './admin/app.ts';
import { createAuditApp } from './audit/app.ts';
import { createAuthorize } from './authorize/authorize.ts';
import { type AuthorityView, createAgentAuthentication } from './door/agent_proof.ts';
import type { DoorPorts } from './door/door.ts';
import { createRefusalLedger } from './door/refusals.ts';
import { createFeedApp } from './feed/app.ts';
import { createFunctionFollower } from './feed/follow.ts';
import { createIngestApp } from './ingest/app.ts';
import { createIssueApp } from './issue/app.ts';
import { verifyAdministratorToken } from './local/administrator_token.ts';
import { listenForAuthorize, type ServerIdentity } from './local/authorize_listener.ts';
import { describeFault, type LocalLog } from './local/log.ts';
import { openFunctionProducer } from './local/producers.ts';
import { listenForPublic } from './local/public_listener.ts';
import { loadOrCreateRoot } from './local/root.ts';
import { loadOrCreateSecret } from './local/secret_file.ts';
import { createTicks } from './local/ticks.ts';
import { createPublishApp } from './publish/app.ts';
import { createPublisher } from './publish/publish.ts';
import { loadStoredRelease } from './publish/releases.ts';
import { createKeyFetcher, publishTokenKeys } from './publish/token_keys.ts';
import { createCertifyIssuer } from './rotate/rotate.ts';
import { publishTrustBundle } from './rotate/trust_bundle.ts';
import { createSignalsApp } from './signals/app.ts';
import { createTrustApp } from './trust/app.ts';

export interface LocalOptions {
  /** Folder of all state, such as `.postern`; made 0700. */
  readonly dir: string;
  readonly trustDomain: string;
  /** 0: any free port. A join token names the port, so a lasting deployment has a fixed one. */
  readonly port: number;
  readonly authorizePort: number;
  readonly clock?: Clock;
  readonly log: LocalLog;
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
const REFRESH_HINT_SECONDS = 60;
const POSTURE_MAX_AGE_SECONDS = 24 * 60 * 60;
const AUTHORIZE_PATH = '/postern/authorize';

export async function startLocal(options: LocalOptions): Promise<LocalControlPlane> {
  const { dir, log } = options;
  const clock = options.clock ?? systemClock;
  const nextId = createDecisionIds(randomBytes);
  const createId = () => nextId(clock.nowMs());
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const administratorTokenFile = join(dir, 'admin-token');
  const postureSecretFile = join(dir, 'posture-webhook-secret');

  // Adapters.
  const { table, close: closeTable } = openSqliteTable(join(dir, 'table.db'), { clock });
  const objects = openFolderObjects(join(dir, 'objects'));
  const keys = openSoftwareKeyRing(join(dir, 'keys'));
  const [rootSigner, releaseSigner, assertionSigner] = await Promise.all([
    keys.signer('root'),
    keys.signer('release'),
    keys.signer('assertion'),
  ]);
  const verifyAdministrator = verifyAdministratorToken(loadOrCreateSecret(administratorTokenFile));

  // The trust domain.
  const parsed = parseTrustDomain(options.trustDomain);
  if (!parsed.ok) throw new RangeError(`\`${options.trustDomain}\` is not a trust domain name: ${parsed.reason}`);
  const trustDomain = parsed.value;
  const rootDer = await loadOrCreateRoot({ objects, signer: rootSigner, trustDomain, clock });
  const root = readOwnCertificate(rootDer);
  const bundle: TrustBundle = {
    trustDomain,
    sequence: 1,
    refreshHintSeconds: REFRESH_HINT_SECONDS,
    x509Authorities: [rootDer],
    jwtAuthorities: [],
  };

  // The feed, and the trail with a producer for each function.
  const feedLog = createFeedLog({ table, mac: await keys.mac('facts') });
  await feedLog.open(createId());
  const feedPublisher = createFeedPublisher({
    trustDomain,
    log: feedLog,
    assertionSigner: async () => assertionSigner,
    clock,
  });
  const trail = createTrail({ table, objects });
  const producerOf = (name: string) => openFunctionProducer({ name, trail, assertionSigner, clock, createId });
  const producers = {
    issue: await producerOf('issue'),
    rotate: await producerOf('rotate'),
    publish: await producerOf('publish'),
    signals: await producerOf('signals'),
    admin: await producerOf('admin'),
    authorize: await producerOf('authorize'),
  };
  const recordBy = (name: keyof typeof producers) => async (body: RecordBody) =>
    void (await producers[name].append(body));

  // Issuing.
  const certify = createCertifyIssuer({
    trustDomain,
    rootSigner: async () => rootSigner,
    root,
    feedLog,
    table,
    clock,
    recordIssuer: (issuer) => recordBy('rotate')({ kind: 'issuer-certified', ...issuer }),
  });
  const recordIssuance = recordBy('issue');
  const issuanceAudit: IssuanceAudit = {
    begin: (issuance) => recordIssuance({ kind: 'issuance-begin', ...issuance }),
    complete: (issuance) => recordIssuance({ kind: 'issuance-complete', ...issuance }),
    failed: (issuance, reason) => recordIssuance({ kind: 'issuance-failed', ...issuance, reason }),
  };
  const authority = createAuthority({ issuer: createEphemeralIssuer({ certify, clock }), audit: issuanceAudit, clock });
  const entries = createEntryStore({
    table,
    mac: await keys.mac('entries'),
    clock,
    trustDomain,
    createId,
    onForged: (key) => log('error', 'entry-forged', key),
  });
  const joinTokens = createJoinTokenStore({ table, clock });
  const lineages = createLineageStore({ table });

  // Doors.
  const listener = await listenForPublic(HOST, options.port);
  const trust: ControlPlaneTrust = {
    trustDomain,
    url: listener.url,
    rootDigest: createHash('sha256').update(rootDer).digest('hex'),
    releaseKeys: [jwkFromSpki(releaseSigner.spki)],
    assertionKeys: [jwkFromSpki(assertionSigner.spki)],
  };
  const onFault = (fault: unknown) => log('error', 'function-fault', { error: describeFault(fault) });
  const refusals = createRefusalLedger({ append: (body) => producers.admin.append(body), onFault });
  const doorPorts: DoorPorts = {
    recordRefusal: refusals.record,
    log: ({ instance, door, error }) => log('error', 'door-fault', { instance, door, error: describeFault(error) }),
  };
  const authorityView: AuthorityView = {
    bundle,
    issuers: [],
    async isRevoked({ spiffeId, leaf }) {
      const nowMs = clock.nowMs();
      const subjects = [`svid:${leaf.serial}`, `spiffe-id:${spiffeId}`, `issuer:${leaf.authorityKeyId}`];
      const facts = await Promise.all(subjects.map((subject) => feedLog.latest('revocation', subject)));
      const revocations = new Map(
        facts.flatMap((fact) => (fact?.kind === 'revocation' ? [[fact.subject, fact] as const] : [])),
      );
      const [bySerial, byName, byIssuer] = subjects as [string, string, string];
      return (
        isDistrusted(revocations, bySerial, nowMs) ||
        isDistrusted(revocations, byIssuer, nowMs) ||
        isRevoked(revocations, byName, leaf.notBeforeMs, nowMs)
      );
    },
  };
  const authenticate = createAgentAuthentication({
    audience: listener.url,
    trustDomain,
    authority: async () => authorityView,
    replayGuard: createReplayGuard(table, clock),
    clock,
  });
  const fetchKeys = createKeyFetcher({ allowLoopback: true });
  const publishKeys = async () => {
    const number = (await feedLog.head())?.releaseNumber ?? 0;
    const release = number === 0 ? undefined : await loadStoredRelease(objects, number);
    await publishTokenKeys({
      issuers: release?.issuers ?? [],
      fetchKeys,
      feedLog,
      clock,
      report: (issuer, reason) => log('warn', 'token-keys-not-fetched', { issuer, reason }),
    });
  };
  const postureSource = {
    name: 'generic',
    secrets: [Buffer.from(loadOrCreateSecret(postureSecretFile))],
    maxAgeSeconds: POSTURE_MAX_AGE_SECONDS,
  };
  listener.mount([
    createTrustApp({ ...doorPorts, bundle: async () => bundle }),
    createFeedApp({ ...doorPorts, authenticate, publisher: feedPublisher, objects }),
    createIssueApp({
      ...doorPorts,
      authenticate,
      authority,
      entries,
      joinTokens,
      lineages,
      bundle: async () => bundle,
      recordJoin: (join) => recordIssuance({ kind: 'join', ...join }),
      recordLock: (agentId, serial) =>
        recordIssuance({
          kind: 'administrator-action',
          action: 'lineage-locked',
          subject: `${agentId} ${serial}`,
          by: 'issue',
        }),
    }),
    createIngestApp({ ...doorPorts, authenticate, trail, assertionSigner: async () => assertionSigner, clock }),
    createSignalsApp({
      ...doorPorts,
      source: (name) => (name === postureSource.name ? postureSource : undefined),
      feedLog,
      clock,
      recordSignal: (signal) => recordBy('signals')({ kind: 'signal-received', ...signal }),
    }),
    createAdminApp({
      ...doorPorts,
      verifyAdministrator,
      trustDomain,
      entries,
      joinTokens,
      feedLog,
      controlPlane: trust,
      clock,
      record: recordBy('admin'),
    }),
    createPublishApp({
      ...doorPorts,
      verifyAdministrator,
      publisher: createPublisher({ trustDomain, objects, feedLog, releaseSigner: async () => releaseSigner, clock }),
      feedLog,
      objects,
      recordPublication: ({ release, digest }, by) =>
        recordBy('publish')({
          kind: 'release-published',
          releaseNumber: release.number,
          digest,
          contentDigest: release.contentDigest,
          by: by.name,
        }),
      afterPublication: publishKeys,
    }),
    createAuditApp({ ...doorPorts, verifyAdministrator, trail, table, clock }),
  ]);

  // The decision point for those without an agent.
  const state = createFunctionFollower({ trust, publisher: feedPublisher, objects, clock, onFault });
  const authorize = createAuthorize({
    broker: createBroker({ clock, onFault }),
    state,
    record: (body, id) => producers.authorize.append(body, id),
    nowUs: () => performance.now() * 1000,
    onFault,
  });
  async function issueOwnIdentity(): Promise<ServerIdentity> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spiffeId = parseSpiffeId(`spiffe://${trustDomain}${AUTHORIZE_PATH}`);
    if (!spiffeId.ok) throw new Error(spiffeId.reason);
    const csr = createCsr(privateKey, {});
    const issued = await authority.issueX509Svid({
      spiffeId: spiffeId.value,
      dnsNames: [],
      profile: AGENT_PROFILE,
      csr,
      requester: 'function:authorize',
    });
    if (!issued.ok) throw new Error(`no SVID for authorize: ${issued.reason}`);
    return {
      certificates: issued.value.chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
      privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    };
  }

  const ticks = createTicks(
    { rotate: () => publishTrustBundle({ bundle, feedLog, clock }), publish: publishKeys },
    log,
  );
  await ticks.run();
  const authorizeListener = await listenForAuthorize({
    authorize,
    state,
    identity: await issueOwnIdentity(),
    host: HOST,
    port: options.authorizePort,
    clock,
  });
  let identityAtMs = clock.nowMs();
  const renewIdentity = setInterval(() => {
    if (clock.nowMs() - identityAtMs < OWN_IDENTITY_RENEWAL_MS) return;
    identityAtMs = clock.nowMs();
    issueOwnIdentity().then(authorizeListener.setIdentity, onFault);
  }, 60_000);
  ticks.start();

  return {
    url: listener.url,
    authorizeUrl: authorizeListener.url,
    trust,
    administratorTokenFile,
    postureSecretFile,
    tick: ticks.run,
    async stop() {
      clearInterval(renewIdentity);
      await ticks.stop();
      await listener.close();
      await authorizeListener.close();
      await refusals.flush();
      for (const producer of Object.values(producers)) await producer.close();
      closeTable();
    },
  };
}

const OWN_IDENTITY_RENEWAL_MS = 60 * 60 * 1000;
