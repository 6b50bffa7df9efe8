/**
 * Twenty new roots, one after the other, and a few keys of tokens, while SVIDs and tokens are issued and go-spiffe and Envoy
 * make connections all the time: each goes through its phases, no handshake fails and no token is refused. One agent that
 * was cut off blocks the last root, until an operator says so.
 */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { renderEnvoyConfig } from '@postern/agent';
import { type JoinTokenAnswer, PATHS, parseJoinToken } from '@postern/api';
import { createCsr } from '@postern/ca';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../kit/envoy.ts';
import type { RunningProcess } from '../kit/process.ts';
import { describeWithTool } from '../kit/tools.ts';
import { waitUntil } from '../kit/wait.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';
import { type Peer, peers, startPeer, startPeerServer } from './peers.ts';
import { complaintOf, createRolling, keyIdOf, type Rolling, rootOfPeer, rootOfServer, tokenOf } from './rolling.ts';

const ROLLOVERS = 20;
/** With every so many roots a key of tokens. */
const JWT_EVERY = 5;
/** Each is issued anew with each root. */
const OTHER_WORKLOADS = 50;
const STEP_MS = 30_000;
const PAUSE_MS = 100;
const [GO_SPIFFE, PYTHON_SPIFFE] = peers as readonly [Peer, Peer];
const AUDIENCE = 'https://ledger.demo.test';

describeWithTool('twenty rollovers of the root', ['spiffe-peer', 'python-spiffe', 'envoy'], (tools) => {
  let node: TestNode;
  let rolling: Rolling;
  let envoy: RunningEnvoy;
  let server: { address: string; server: RunningProcess };
  let envoyPort: number;
  let tokens: { stop(): Promise<readonly string[]> };
  const loads: RunningProcess[] = [];
  /** Of the agent. */
  const errors: string[] = [];
  let issued = 0;

  beforeAll(async () => {
    node = await startTestNode(MINIMAL_POLICIES, {
      // Functions look at the state anew every two seconds: nobody may sign before each of them knows the key.
      rolloverTimes: { publishedForMs: 2_500, drainedForMs: 0 },
      pace: { feedMs: 100, followRootMs: 300 },
      log: (level, event, fields) => {
        if (event === 'svid-issued') issued += 1;
        if (level === 'error') errors.push(`${event} ${JSON.stringify(fields)}`);
      },
    });
    rolling = createRolling(node);
    await node.enter('go', tools['spiffe-peer']);
    await node.enter('python', tools['python-spiffe']);
    await node.enter('web', tools['envoy']);
    for (let index = 0; index < OTHER_WORKLOADS; index++) await node.enter(`other/${index}`, process.execPath);
    await node.agent.ready(20_000);
    await waitUntil('go-spiffe to have an SVID', 20_000, async () => (await rootOfPeer(GO_SPIFFE, node)) !== undefined);
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
    tokens = startTokens();
  });
  afterAll(async () => {
    await tokens?.stop();
    for (const load of loads) await load.stop();
    await server?.server.stop();
    await envoy?.stop();
    await node?.stop();
  });

  const flags = () => ({ socket: `unix://${node.socket}`, timeout: 0 });
  const startLoad = (more: { address: string; authorize: string; line?: string }) =>
    startPeer(GO_SPIFFE, 'load', { ...flags(), ...more }, /"dialling"/);

  /** One token after the other, each for an audience of its own, so that none comes from a cache. */
  function startTokens() {
    const [taken, complaints]: [string[], string[]] = [[], []];
    let isOver = false;
    const run = async () => {
      while (!isOver) {
        const token = tokenOf(GO_SPIFFE, node, `${AUDIENCE}/${taken.length}`);
        await token.then((it) => taken.push(it)).catch((fault: Error) => complaints.push(fault.message));
        await pause(PAUSE_MS);
      }
    };
    const running = run();
    return {
      async stop() {
        isOver = true;
        await running;
        expect(complaints).toEqual([]);
        return taken;
      },
    };
  }

  async function followed(generation: number): Promise<void> {
    await waitUntil(`everybody to have an SVID under root ${generation}`, STEP_MS, async () => {
      await pause(PAUSE_MS);
      const roots = [await rootOfPeer(GO_SPIFFE, node), await rootOfServer(envoyPort)];
      return roots.every((root) => root === generation);
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

  async function rollRoot(generation: number): Promise<void> {
    await rolling.operate({ command: 'prepare', key: 'root' });
    await rolling.waitForPhase('root', generation, 'signing');
    await followed(generation);
    expect(await rolling.phaseOf('root', generation - 1)).toBe('draining');
    await rolling.waitForAgents(generation - 1);
    // What it signed counts for hours yet: nobody has any of it here, and so it may go.
    const reason = 'everybody has followed';
    await rolling.operate({ command: 'distrust', key: 'root', generation: generation - 1, reason });
    await rolling.waitForPhase('root', generation - 1, 'distrusted');
  }

  /** What the key before signed is believed after it, by whoever asks. */
  async function rollJwt(generation: number): Promise<void> {
    const before = await tokenOf(GO_SPIFFE, node, `${AUDIENCE}/before-${generation}`);
    await rolling.operate({ command: 'prepare', key: 'jwt' });
    await rolling.waitForPhase('jwt', generation, 'signing');
    const after = await waitUntil('a token by the new key', STEP_MS, async () => {
      // Each for an audience of its own: the agent hands out again what it has.
      const token = await tokenOf(GO_SPIFFE, node, `${AUDIENCE}/after-${generation}-${performance.now()}`);
      return keyIdOf(token) === keyIdOf(before) ? undefined : token;
    });
    for (const peer of [GO_SPIFFE, PYTHON_SPIFFE]) {
      for (const token of [before, after]) expect(await complaintOf(peer, node, token, audienceOf(token))).toBe('');
    }
  }

  const audienceOf = (token: string): string => {
    const { aud } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { aud: [string] };
    return aud[0];
  };

  test('fail no handshake, and one that is stuck blocks the step to signing', { timeout: 400_000 }, async () => {
    for (let generation = 2; generation <= ROLLOVERS; generation++) {
      await rollRoot(generation);
      if (generation % JWT_EVERY === 0) await rollJwt(1 + generation / JWT_EVERY);
    }

    const last = ROLLOVERS + 1;
    const stuck = await joinAndFallSilent('stuck');
    await rolling.operate({ command: 'prepare', key: 'root' });
    await waitUntil('nobody else to be waited for', STEP_MS, async () => {
      await node.plane.tick();
      const [wait] = (await rolling.status()).waits.filter(({ key, next }) => key === 'root' && next === 'sign');
      return wait?.reason === 'consumers-behind' && wait.consumerCount === 1 && wait.consumers?.[0]?.name === stuck;
    });
    for (let tick = 0; tick < 10; tick++) await node.plane.tick();
    expect(await rolling.phaseOf('root', last)).toBe('published');
    expect(await rootOfPeer(GO_SPIFFE, node)).toBe(ROLLOVERS);
    await rolling.operate({ command: 'override', key: 'root', reason: 'that node is gone' });
    await rolling.waitForPhase('root', last, 'signing');
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
    const taken = await tokens.stop();
    expect(taken.length).toBeGreaterThan(ROLLOVERS * 5);
    expect(new Set(taken.map(keyIdOf)).size).toBe(1 + Math.floor(ROLLOVERS / JWT_EVERY));
    expect(issued).toBeGreaterThanOrEqual(ROLLOVERS * OTHER_WORKLOADS);
    expect(errors).toEqual([]);
  });
});
