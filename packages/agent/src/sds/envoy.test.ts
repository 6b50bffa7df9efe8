import { linkSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { encodePem } from '@postern/der';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../../../../test/kit/envoy.ts';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import type { WorkloadIdentity } from '../identity_source.ts';
import {
  createTestAuthority,
  type LocalAgent,
  OWN_UID,
  startLocalAgent,
  TRUST_DOMAIN,
} from '../workload_api/testing/local_agent.ts';

const START_TIMEOUT_MS = 20_000;
const TEST_TIMEOUT_MS = 60_000;

interface EnvoyConfig {
  readonly apiType: 'GRPC' | 'DELTA_GRPC';
  readonly validation: string;
  readonly socketPath: string;
}

/** A listener that serves with `default` and asks its clients for a certificate that `validation` accepts. */
function configOf({ apiType, validation, socketPath }: EnvoyConfig): object {
  const sds = (name: string) => ({
    name,
    sds_config: {
      resource_api_version: 'V3',
      api_config_source: {
        api_type: apiType,
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'agent' } }],
      },
    },
  });
  const type = (name: string) => ({ '@type': `type.googleapis.com/envoy.extensions.${name}` });
  return {
    static_resources: {
      clusters: [
        {
          name: 'agent',
          type: 'STATIC',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              ...type('upstreams.http.v3.HttpProtocolOptions'),
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'agent',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socketPath } } } }] }],
          },
        },
      ],
      listeners: [
        {
          name: 'front',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [
            {
              transport_socket: {
                name: 'tls',
                typed_config: {
                  ...type('transport_sockets.tls.v3.DownstreamTlsContext'),
                  require_client_certificate: true,
                  common_tls_context: {
                    tls_certificate_sds_secret_configs: [sds('default')],
                    validation_context_sds_secret_config: sds(validation),
                  },
                },
              },
              filters: [
                {
                  name: 'http',
                  typed_config: {
                    ...type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
                    stat_prefix: 'front',
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'all',
                          domains: ['*'],
                          routes: [
                            {
                              match: { prefix: '/' },
                              direct_response: { status: 200, body: { inline_string: 'served' } },
                            },
                          ],
                        },
                      ],
                    },
                    http_filters: [{ name: 'router', typed_config: type('filters.http.router.v3.Router') }],
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  };
}

const pem = (chain: readonly Uint8Array[]) => chain.map((der) => encodePem('CERTIFICATE', der)).join('');

interface Connection {
  /** Serial of the certificate that Envoy served with. */
  readonly serial: string;
  /** One request on the connection; rejects when Envoy ends it. */
  readonly ask: () => Promise<string>;
  readonly close: () => void;
}

function connect(port: number, identity: WorkloadIdentity, root: Uint8Array): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...{ host: '127.0.0.1', port, ca: pem([root]), cert: pem(identity.chain) },
      key: encodePem('PRIVATE KEY', identity.privateKey),
      checkServerIdentity: () => undefined,
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const { serialNumber } = socket.getPeerCertificate();
      const ask = () =>
        new Promise<string>((answered, failed) => {
          socket.once('error', failed);
          socket.once('close', () => failed(new Error('closed')));
          socket.once('data', (bytes) => answered(String(bytes)));
          socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
        });
      resolve({ serial: serialNumber.toLowerCase(), ask, close: () => socket.destroy() });
    });
  });
}

describeWithTool('a real Envoy that takes its secrets from the agent', ['envoy'], (tools) => {
  let agent: LocalAgent;
  /** A path of its own for this Envoy: the node attests by /proc/PID/exe. */
  let binary: string;
  const envoys: RunningEnvoy[] = [];
  const connections: Connection[] = [];

  beforeEach(async () => {
    agent = await startLocalAgent();
    binary = join(agent.folder, 'envoy');
    await linkOrCopy(tools.envoy, binary);
    await agent.entitle([
      { path: '/envoy', selectors: [OWN_UID, `unix:path:${binary}`] },
      { path: '/client', selectors: ['unix:uid:4000000000'] },
    ]);
  }, START_TIMEOUT_MS);
  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.close();
    await Promise.all(envoys.splice(0).map((envoy) => envoy.stop()));
    await agent.stop();
  });

  async function start(apiType: EnvoyConfig['apiType'], validation: string, from = binary): Promise<RunningEnvoy> {
    const config = configOf({ apiType, validation, socketPath: agent.socketPath });
    const envoy = await startEnvoy({ name: 'sds', config, binary: from });
    envoys.push(envoy);
    return envoy;
  }

  async function dial(envoy: RunningEnvoy, identity: WorkloadIdentity): Promise<Connection> {
    const connection = await connect((await envoy.ports())['front']!, identity, agent.root);
    connections.push(connection);
    return connection;
  }

  it.each(['GRPC', 'DELTA_GRPC'] as const)(
    'serves with its SVID and with the next one after a rotation, on open connections all the while (%s)',
    async (apiType) => {
      const envoy = await start(apiType, 'ROOTCA');
      await envoy.waitReady();
      const before = agent.identity('/envoy').serial;
      const long = await dial(envoy, agent.identity('/client'));
      expect(long.serial).toBe(before);
      expect(await long.ask()).toContain('served');
      await agent.rotate();
      const after = agent.identity('/envoy').serial;
      expect(after).not.toBe(before);
      const servedWith = async () => {
        const connection = await dial(envoy, agent.identity('/client'));
        expect(await connection.ask()).toContain('served');
        return connection.serial;
      };
      await expect.poll(servedWith, { timeout: 5_000 }).toBe(after);
      expect(await long.ask()).toContain('served');
      const stats = (await envoy.admin('/stats?filter=sds')).body;
      expect(stats).toMatch(/default\.update_success: 2/);
      expect(stats).not.toMatch(/update_rejected: [1-9]|update_failure: [1-9]/);
      expect(agent.events.filter(({ event }) => event === 'secret-refused-by-proxy')).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'is not sent again what it refused, keeps what it had, and takes the next',
    async () => {
      const envoy = await start('GRPC', 'ROOTCA');
      await envoy.waitReady();
      const { serial, privateKey } = agent.identity('/envoy');
      await agent.rotate();
      await expect.poll(async () => (await dial(envoy, agent.identity('/client'))).serial).not.toBe(serial);
      const good = agent.identity('/envoy');
      const identities = new Map([['/client', agent.identity('/client')]]);
      // The key of the SVID before: Envoy must notice that it does not fit.
      const broken = { ...(await (await createTestAuthority()).issue('/envoy')), privateKey };
      agent.store.replace(agent.store.entries(), identities.set('/envoy', broken));
      const refusals = () => agent.events.filter(({ event }) => event === 'secret-refused-by-proxy');
      await expect.poll(refusals).toHaveLength(1);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(refusals()).toHaveLength(1);
      expect((await dial(envoy, agent.identity('/client'))).serial).toBe(good.serial);
      await agent.rotate();
      const next = agent.identity('/envoy').serial;
      await expect.poll(async () => (await dial(envoy, agent.identity('/client'))).serial).toBe(next);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'with `ROOTCA` accepts clients of its own trust domain only',
    async () => {
      const partner = await createTestAuthority('partner.test');
      const envoy = await start('GRPC', 'ROOTCA');
      await envoy.waitReady();
      expect(await (await dial(envoy, agent.identity('/client'))).ask()).toContain('served');
      await expect(dial(envoy, await partner.issue('/client')).then(({ ask }) => ask())).rejects.toThrow();
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'with `ALL` accepts each trust domain by its own authorities only, and forgets one that is withdrawn',
    async () => {
      const partner = await createTestAuthority('partner.test');
      const impostor = await createTestAuthority('demo.test');
      agent.store.setBundles(
        new Map([
          [TRUST_DOMAIN, [agent.root]],
          ['partner.test', [partner.root]],
        ]),
      );
      const envoy = await start('GRPC', 'ALL');
      await envoy.waitReady();
      const isServed = async (identity: WorkloadIdentity) =>
        dial(envoy, identity)
          .then(({ ask }) => ask())
          .then((answer) => answer.includes('served'))
          .catch(() => false);
      expect(await isServed(agent.identity('/client'))).toBe(true);
      expect(await isServed(await partner.issue('/client'))).toBe(true);
      expect(await isServed(await impostor.issue('/client'))).toBe(false);
      // The partner's authority signs for this trust domain: its own SVIDs are fine, this one is not.
      const crossed = await createTestAuthority('demo.test');
      agent.store.setBundles(
        new Map([
          [TRUST_DOMAIN, [agent.root]],
          ['partner.test', [partner.root, crossed.root]],
        ]),
      );
      await expect.poll(async () => isServed(await partner.issue('/client'))).toBe(true);
      expect(await isServed(await crossed.issue('/client'))).toBe(false);
      agent.store.setBundles(new Map([[TRUST_DOMAIN, [agent.root]]]));
      await expect.poll(async () => isServed(await partner.issue('/client')), { timeout: 5_000 }).toBe(false);
      expect(await isServed(agent.identity('/client'))).toBe(true);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'gets nothing from another path, and everything once an entry is made for it',
    async () => {
      const other = join(agent.folder, 'other-envoy');
      await linkOrCopy(tools.envoy, other);
      const envoy = await start('GRPC', 'ROOTCA', other);
      await expect.poll(() => agent.events.some(({ event }) => event === 'workload-without-entry')).toBe(true);
      expect((await envoy.admin('/certs')).body).not.toContain(TRUST_DOMAIN);
      await agent.entitle([
        { path: '/envoy', selectors: [OWN_UID, `unix:path:${other}`] },
        { path: '/client', selectors: ['unix:uid:4000000000'] },
      ]);
      await envoy.waitReady();
      expect((await dial(envoy, agent.identity('/client'))).serial).toBe(agent.identity('/envoy').serial);
    },
    TEST_TIMEOUT_MS,
  );
});

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    linkSync(from, to);
  } catch {
    await copyFile(from, to);
  }
}
