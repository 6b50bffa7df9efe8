/** Envoy as Istio configures it: the socket in a folder of its own, the SVID by `default`, the authorities by `ROOTCA`. */
import type { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import tls from 'node:tls';
import { fetchX509Svids, renderEnvoyConfig } from '@postern/agent';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../kit/envoy.ts';
import { describeWithTool } from '../kit/tools.ts';
import { waitUntil } from '../kit/wait.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';

const WEB = 'spiffe://demo.test/web';

describeWithTool('the socket of Istio’s proxies', ['envoy'], ({ envoy: binary }) => {
  let node: TestNode;
  let envoy: RunningEnvoy;
  beforeAll(async () => {
    node = await startTestNode(MINIMAL_POLICIES, { servesIstio: true });
    await node.enter('web', binary);
    const rendered = JSON.stringify(
      renderEnvoyConfig({
        service: 'web',
        trustDomain: 'demo.test',
        spiffeId: WEB,
        listen: { address: '127.0.0.1', port: 0 },
        upstreamApp: { address: '127.0.0.1', port: 9 },
        agentSocket: node.istioSocket,
        authz: { kind: 'http', socket: `${node.dir}/nobody.sock` },
        requireClientCertificate: false,
      }),
    );
    // The names that Istio's proxies ask by; `ROOTCA` is ours as well.
    const asIstio = rendered.replaceAll(`"name":"${WEB}","sds_config"`, '"name":"default","sds_config"');
    expect(asIstio).not.toBe(rendered);
    expect(asIstio).toContain('"name":"ROOTCA","sds_config"');
    envoy = await startEnvoy({ name: 'web', config: asIstio });
    await envoy.waitReady();
  }, 60_000);
  afterAll(async () => {
    await envoy?.stop();
    await node?.stop();
  }, 30_000);

  const served = async () => {
    const port = (await envoy.ports())['inbound'] as number;
    return new Promise<X509Certificate>((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        const certificate = socket.getPeerX509Certificate();
        socket.destroy();
        if (certificate === undefined) reject(new Error('no certificate'));
        else resolve(certificate);
      });
    });
  };

  test('serves the SVID and the authorities by the names that Istio knows', async () => {
    const certificate = await served();
    expect(certificate.subjectAltName).toBe(`URI:${WEB}`);
    const { body } = await envoy.admin('/certs');
    // Of the chain and of the authorities: both came over this socket.
    expect(body).toContain(WEB);
    expect(JSON.parse(body).certificates[0].ca_cert).toHaveLength(1);
  });

  test('is the same API as on the first one: a workload is known by who it is, not by where it asks', async () => {
    // This process has no entry, whichever socket it asks at.
    for (const socketPath of [node.socket, node.istioSocket])
      expect(await fetchX509Svids({ socketPath, timeoutMs: 5_000 })).toMatchObject({ reason: 'identity-not-issued' });
    await node.enter('tests', process.execPath);
    const fetched = () => fetchX509Svids({ socketPath: node.istioSocket, timeoutMs: 5_000 });
    const svids = await waitUntil('the entry to arrive', 20_000, async () => {
      const answer = await fetched();
      return answer.ok && answer.value.svids;
    });
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://demo.test/tests']);
  }, 30_000);

  test('is gone with the agent, as the first one is', async () => {
    await envoy.stop();
    await node.agent.stop();
    expect([existsSync(node.socket), existsSync(node.istioSocket)]).toEqual([false, false]);
  });
});
