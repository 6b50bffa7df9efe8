/**
 * What the agent serves, without its control plane: an authority in memory, the agent's own identity store, and one
 * gRPC server on a socket in a fresh folder.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  certifyIssuer,
  createAuthority,
  createCsr,
  createEphemeralIssuer,
  createRootCertificate,
  readOwnCertificate,
  WORKLOAD_PROFILE,
} from '@postern/ca';
import { generateSoftwareSigner } from '@postern/keys';
import type { Result } from '@postern/result';
import { parseSpiffeId, parseTrustDomain } from '@postern/spiffe';
import { systemClock } from '@postern/store';
import { createUnixAttestor } from '../../attest/unix.ts';
import { createGrpcServer } from '../../grpc/server.ts';
import type { WorkloadIdentity } from '../../identity_source.ts';
import { createIdentityStore, type IdentityStore } from '../../identity_store.ts';
import { createJwtSvids } from '../../jwt_svids.ts';
import type { LogFields } from '../../log.ts';
import { createSecretDiscovery } from '../../sds/sds.ts';
import { createJwtWorkloadApi } from '../jwt_workload_api.ts';
import { createWorkloadApi } from '../workload_api.ts';
import { createTestJwtDoor, type TestJwtDoor } from './test_jwt_door.ts';

export interface LoggedEvent extends LogFields {
  readonly event: string;
}

export interface LocalAgent {
  readonly folder: string;
  readonly socketPath: string;
  readonly store: IdentityStore;
  /** DER. */
  readonly root: Uint8Array;
  readonly events: readonly LoggedEvent[];
  /** What stands for the control plane when JWT-SVIDs are asked for. */
  readonly jwtDoor: TestJwtDoor;
  /** By subject; none at first. */
  readonly revocations: Map<string, { readonly notBeforeMs: number; readonly expiresAtMs: number }>;
  /** Trust domains that a token named with a key that is not in their bundle, as often as that was told. */
  readonly unknownKeys: readonly string[];
  /** Entries by path, as they stand from now on; each gets an SVID, a new one when it is asked for. */
  entitle(entries: readonly TestEntry[]): Promise<void>;
  /** New SVIDs for all entries, at once, as a rotation does. */
  rotate(): Promise<void>;
  /** The SVID now held for a path. */
  identity(path: string): WorkloadIdentity;
  /** As an agent that is away; `serve` brings it back. */
  stopServing(): Promise<void>;
  serve(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestEntry {
  readonly path: string;
  readonly selectors: readonly string[];
  readonly hint?: string;
  /** `FRIENDS` when absent. */
  readonly federatesWith?: readonly string[];
}

const FRIENDS = ['partner.test', 'other.test'];

export const TRUST_DOMAIN = 'demo.test';

export interface TestAuthority {
  readonly root: Uint8Array;
  issue(path: string, hint?: string): Promise<WorkloadIdentity>;
}

export async function createTestAuthority(trustDomainName = TRUST_DOMAIN): Promise<TestAuthority> {
  const trustDomain = must(parseTrustDomain(trustDomainName));
  const nowMs = systemClock.nowMs();
  const rootSigner = generateSoftwareSigner('ES384');
  const root = await createRootCertificate({ signer: rootSigner, trustDomain, nowMs });
  const rootCertificate = readOwnCertificate(root);
  const issuer = createEphemeralIssuer({
    clock: systemClock,
    certify: (spki) => certifyIssuer({ rootSigner, root: rootCertificate, spki, trustDomain, nowMs }),
  });
  const nothing = async () => {};
  const audit = { begin: nothing, complete: nothing, failed: nothing };
  const authority = createAuthority({ issuers: { ephemeral: issuer, kms: issuer }, clock: systemClock, audit });
  return {
    root,
    async issue(path, hint = '') {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const spiffeId = must(parseSpiffeId(`spiffe://${trustDomainName}${path}`));
      const csr = createCsr(privateKey, { spiffeId: spiffeId.uri });
      const request = { spiffeId, dnsNames: [], profile: WORKLOAD_PROFILE, csr, requester: 'test' };
      const issued = must(await authority.issueX509Svid(request));
      const key = privateKey.export({ format: 'der', type: 'pkcs8' });
      const { chain, serial, notBeforeMs, notAfterMs } = issued;
      return { entryId: path, spiffeId: spiffeId.uri, hint, chain, privateKey: key, serial, notBeforeMs, notAfterMs };
    },
  };
}

export async function startLocalAgent(options: { readonly isReady?: boolean } = {}): Promise<LocalAgent> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-agent-'));
  const socketPath = join(folder, 'api.sock');
  const authority = await createTestAuthority();
  const store = createIdentityStore(TRUST_DOMAIN);
  const events: LoggedEvent[] = [];
  const log = (_level: string, event: string, fields: LogFields = {}) => void events.push({ ...fields, event });
  const attestor = createUnixAttestor({
    needsDigest: () => store.entries().some(({ selectors }) => selectors.some((one) => one.startsWith('unix:sha256:'))),
  });
  const ports = { source: store, attestor, log };
  const jwtDoor = createTestJwtDoor(TRUST_DOMAIN);
  const revocations: LocalAgent['revocations'] = new Map();
  const unknownKeys: string[] = [];
  const jwtPorts = {
    ...ports,
    jwtSvids: createJwtSvids({ client: jwtDoor, authorities: () => [jwtDoor.authority], clock: systemClock, log }),
    revocations: () => revocations,
    onUnknownKey: (trustDomain: string) => void unknownKeys.push(trustDomain),
    clock: systemClock,
  };
  const methods = { ...createWorkloadApi(ports), ...createJwtWorkloadApi(jwtPorts), ...createSecretDiscovery(ports) };
  let server = createGrpcServer({ methods, log, takesPathAuthority: true });
  await server.listen(socketPath, 0o777);
  if (options.isReady !== false) {
    store.setBundles(new Map([[TRUST_DOMAIN, [authority.root]]]), new Map([[TRUST_DOMAIN, [jwtDoor.authority]]]));
    store.replace([], new Map());
  }

  let entries: readonly TestEntry[] = [];
  const agentEntries = () =>
    entries.map(({ path, selectors, hint = '', federatesWith = FRIENDS }) => {
      const spiffeId = `spiffe://${TRUST_DOMAIN}${path}`;
      return { id: path, revision: 1, spiffeId, selectors, hint, ttlSeconds: 3600, dnsNames: [], federatesWith };
    });
  async function issueAll(isNeeded: (path: string) => boolean): Promise<void> {
    const identities = new Map<string, WorkloadIdentity>();
    for (const { path, hint } of entries) {
      const held = store.identity(path);
      identities.set(path, held !== undefined && !isNeeded(path) ? held : await authority.issue(path, hint));
    }
    store.replace(agentEntries(), identities);
  }

  return {
    folder,
    socketPath,
    store,
    root: authority.root,
    events,
    jwtDoor,
    revocations,
    unknownKeys,
    async entitle(next) {
      entries = next;
      await issueAll(() => false);
    },
    rotate: () => issueAll(() => true),
    identity(path) {
      const identity = store.identity(path);
      if (identity === undefined) throw new Error(`nothing is held for ${path}`);
      return identity;
    },
    stopServing: () => server.close(),
    async serve() {
      server = createGrpcServer({ methods, log, takesPathAuthority: true });
      await server.listen(socketPath, 0o777);
    },
    async stop() {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Selectors that every process of this test run has. */
export const OWN_UID = `unix:uid:${process.getuid?.()}`;

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}
