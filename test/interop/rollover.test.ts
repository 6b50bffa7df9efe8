/**
 * Twenty new roots, one after the other, while SVIDs are issued and go-spiffe and Envoy make connections all the time: each
 * root goes through all phases, and no handshake fails. One agent that was cut off blocks the last, until an operator says so.
 */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { renderEnvoyConfig } from '@postern/agent';
import { type AuthorityAnswer, type AuthorityStatus, type JoinTokenAnswer, PATHS, parseJoinToken } from '@postern/api';
import { createCsr } from '@postern/ca';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../kit/envoy.ts';
import type { RunningProcess } from '../kit/process.ts';
import { describeWithTool } from '../kit/tools.ts';
import { waitUntil } from '../kit/wait.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';
import { type Peer, type PeerSvids, peers, runPeer, startPeer, startPeerServer } from './peers.ts';

const ROLLOVERS = 20;
/** Each is issued anew with each root. */
const OTHER_WORKLOADS = 20;
const STEP_MS = 30_000;
const GO_SPIFFE = peers[0] as Peer;

describeWithTool('twenty rollovers of the root', ['spiffe-peer', 'envoy'], (tools) => {
  let node: TestNode;
  let envoy: RunningEnvoy;
  let server: { address: string; server: RunningProcess };
  let envoyPort: number;
  const loads: RunningProcess[] = [];

  beforeAll(async () => {
    node = await startTestNode(MINIMAL_POLICIES, {
      rolloverTimes: { publishedForMs: 500, drainedForMs: 0 },
      pace: { feedMs: 100, followRootMs: 300 },
    });
    await node.enter('go', tools['spiffe-peer']);
    await node.enter('web', tools['envoy']);
    for (let index = 0; index < OTHER_WORKLOADS; index++) await node.enter(`other/${index}`, process.execPath);
    await node.agent.ready(20_000);
    await waitUntil('go-spiffe to have an SVID', 20_000, async () => (await rootOfGo()) !== undefined);
    envoy = await startEnvoy({
      name: 'web',
      config: renderEnvoyConfig({
        service: 'web',
        trustDomain: 'demo.test',
        spiffeId: 'spiffe://demo.test/web',
        listen: { address: '127.0.0.1', port: 0 },
        upstreamApp: { address: '127.0.0.1', port: 9 },
        agentSocket: node.socket,
        // Nobody answers there: what counts is that there is an answer, after both took the other's certificate.
        authz: { kind: 'http', socket: join(node.dir, 'nobody.sock') },
        requireClientCertificate: true,
      }),
    });
    await envoy.waitReady();
    envoyPort = Object.values(await envoy.ports())[0] as number;
    server = await startPeerServer(GO_SPIFFE, { ...flags(), authorize: 'spiffe://demo.test/go' });
    loads.push(
      await startLoad({ address: server.address, authorize: 'spiffe://demo.test/go' }),
      await startLoad({
        address: `127.0.0.1:${envoyPort}`,
        authorize: 'spiffe://demo.test/web',
        line: 'GET / HTTP/1.1\r\nhost: web.demo.test\r\nconnection: close\r\n\r',
      }),
    );
  });
  afterAll(async () => {
    for (const load of loads) await load.stop();
    await server?.server.stop();
    await envoy?.stop();
    await node?.stop();
  });

  const flags = () => ({ socket: `unix://${node.socket}`, timeout: 0 });
  const startLoad = (more: { address: string; authorize: string; line?: string }) =>
    startPeer(GO_SPIFFE, 'load', { ...flags(), ...more }, /"dialling"/);
  const operate = (command: object) => node.admin<AuthorityAnswer>('POST', PATHS.admin.authority, command);
  const status = async (): Promise<AuthorityStatus> =>
    (await node.admin<AuthorityAnswer>('GET', PATHS.admin.authority)).status;
  const phaseOf = async (generation: number) =>
    (await status()).keys.root.find((root) => root.generation === generation)?.phase;

  async function waitForPhase(generation: number, phase: string): Promise<void> {
    await waitUntil(`root ${generation} to be ${phase}`, STEP_MS, async () => {
      await node.plane.tick();
      return (await phaseOf(generation)) === phase;
    });
  }

  /** Number of the root that a chain leads to; the first has none in its name. */
  const rootOf = (issuer: string) => Number(/Postern root ?(\d*) of/.exec(issuer)?.[1] || 1);
  async function rootOfGo(): Promise<number | undefined> {
    const { code, lines } = await runPeer(GO_SPIFFE, 'fetch', { socket: `unix://${node.socket}`, timeout: 10 });
    if (code !== 0) return undefined;
    const chain = (lines[0] as PeerSvids).svids[0]?.chainPem ?? '';
    return rootOf(new X509Certificate(chain.split(/(?<=-----END CERTIFICATE-----\n)/)[1] as string).issuer);
  }
  const rootOfEnvoy = () =>
    new Promise<number>((resolve, reject) => {
      // Only looks at what is served; without a certificate of its own it gets no further.
      const socket = connect({ host: '127.0.0.1', port: envoyPort, rejectUnauthorized: false }, () => {
        const { issuerCertificate } = socket.getPeerCertificate(true);
        resolve(rootOf(String(issuerCertificate.issuer.CN)));
        socket.destroy();
      });
      socket.once('error', reject);
    });

  async function followed(generation: number): Promise<void> {
    await waitUntil(`everybody to have an SVID under root ${generation}`, STEP_MS, async () => {
      return (await rootOfGo()) === generation && (await rootOfEnvoy()) === generation;
    });
  }

  async function joinAndFallSilent(agentName: string): Promise<string> {
    const { token, agentId } = await node.admin<JoinTokenAnswer>('POST', PATHS.admin.joinTokens, { agentName });
    const parsed = parseJoinToken(token);
    if (!parsed.ok) throw new Error(parsed.reason);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const body = JSON.stringify({
      token: parsed.value.secret,
      csr: Buffer.from(createCsr(privateKey, {})).toString('base64'),
    });
    const response = await fetch(node.plane.url + PATHS.agentJoin, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(201);
    return agentId;
  }

  test('fail no handshake, and one that is stuck blocks the step to signing', { timeout: 300_000 }, async () => {
    for (let generation = 2; generation <= ROLLOVERS; generation++) {
      await operate({ command: 'prepare', key: 'root' });
      await waitForPhase(generation, 'signing');
      await followed(generation);
      expect(await phaseOf(generation - 1)).toBe('draining');
      // What it signed counts for hours yet: nobody has any of it here, and so it may go.
      await operate({ command: 'distrust', key: 'root', generation: generation - 1, reason: 'everybody has followed' });
      await waitForPhase(generation - 1, 'distrusted');
    }

    const last = ROLLOVERS + 1;
    const stuck = await joinAndFallSilent('stuck');
    await operate({ command: 'prepare', key: 'root' });
    await waitUntil('nobody else to be waited for', STEP_MS, async () => {
      await node.plane.tick();
      const [wait] = (await status()).waits.filter(({ key, next }) => key === 'root' && next === 'sign');
      return wait?.reason === 'consumers-behind' && wait.consumerCount === 1 && wait.consumers?.[0]?.name === stuck;
    });
    for (let tick = 0; tick < 10; tick++) await node.plane.tick();
    expect(await phaseOf(last)).toBe('published');
    expect(await rootOfGo()).toBe(ROLLOVERS);
    await operate({ command: 'override', key: 'root', reason: 'that node is gone' });
    await waitForPhase(last, 'signing');
    await followed(last);

    for (const load of loads) {
      process.kill(load.pid, 'SIGTERM');
      const { code } = await load.exited;
      expect(code, load.output.text()).toBe(0);
      const [, counted = '{}'] = /^(\{.*"handshakes".*\})$/m.exec(load.output.text()) ?? [];
      const { handshakes, failed, complaints } = JSON.parse(counted) as Record<string, unknown>;
      expect({ failed, complaints }).toEqual({ failed: 0, complaints: [] });
      // Several in the time of each step.
      expect(handshakes).toBeGreaterThan(ROLLOVERS * 10);
    }
    expect(server.server.output.text()).not.toContain('"refused"');
  });
});
