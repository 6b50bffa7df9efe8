import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FederationsAnswer, PATHS } from '@postern/api';
import type { FederationRelationship } from '@postern/ca';
import { fetchBundle } from '@postern/functions/publish/federation/fetch_bundle';
import { startWorld, type World } from '@postern/functions/testing/world';
import { formatTrustBundle, type TrustDomain } from '@postern/spiffe';
import { createManualClock } from '@postern/store/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpensslAuthority, type OpensslAuthority } from '../kit/openssl_svids.ts';
import { type RunningProcess, startProcess } from '../kit/process.ts';
import { describeWithTool } from '../kit/tools.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';

const OTHER = 'other.test' as TrustDomain;

describeWithTool('federation with go-spiffe', ['spiffe-peer', 'openssl'], (tools) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-federation-'));
  const file = (name: string) => join(folder, name);
  let other: OpensslAuthority;
  let world: World;
  let door: Server;
  let doorUrl: string;

  beforeAll(async () => {
    other = createOpensslAuthority(tools.openssl, OTHER);
    const bundle = { trustDomain: OTHER, sequence: 4, refreshHintSeconds: 120, jwtAuthorities: [] };
    writeFileSync(file('other.json'), formatTrustBundle({ ...bundle, x509Authorities: [other.authorityDer] }));
    writeSvid('/bundle');
    world = await startWorld();
    // What a front door does when deployed: it ends TLS, and is a workload of its own trust domain here.
    door = createServer({ cert: readFileSync(file('svid.pem')), key: readFileSync(file('key.pem')) }, (_, response) => {
      fetch(`${world.url}${PATHS.trustBundle}`)
        .then(async (answer) => response.setHeader('content-type', 'application/json').end(await answer.text()))
        .catch((fault) => response.destroy(fault));
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    doorUrl = `https://127.0.0.1:${(door.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    door.close();
    door.closeAllConnections();
    await world.remove();
    other.remove();
    rmSync(folder, { recursive: true });
  });

  function writeSvid(path: string): void {
    const svid = other.issue(path);
    const key = createPrivateKey({ key: svid.keyDer, format: 'der', type: 'pkcs8' });
    writeFileSync(file('svid.pem'), new X509Certificate(svid.chainDer).toString());
    writeFileSync(file('key.pem'), String(key.export({ format: 'pem', type: 'pkcs8' })));
  }

  const run = (args: readonly string[]): Promise<{ readonly line: unknown; readonly error: string }> =>
    new Promise((resolve) => {
      execFile(tools['spiffe-peer'], args, { encoding: 'utf8' }, (_, stdout, stderr) =>
        resolve({ line: stdout === '' ? undefined : JSON.parse(stdout), error: stderr }),
      );
    });

  it('go-spiffe fetches our bundle from an endpoint that is a workload', async () => {
    const endpoint = ['-url', doorUrl, '-trust-domain', 'demo.test', '-bundle', file('other.json')];
    const fetched = await run(['fetch-bundle', ...endpoint, '-authorize', `spiffe://${OTHER}/bundle`]);
    expect(fetched.error).toBe('');
    expect(fetched.line).toMatchObject({ trustDomain: 'demo.test', sequence: 1, x509Authorities: 1 });
    const wrong = await run(['fetch-bundle', ...endpoint, '-authorize', `spiffe://${OTHER}/else`]);
    expect(wrong.error).toMatch(/unexpected ID/);
  });

  it('we fetch the bundle that go-spiffe serves, by exactly the ID that was configured', async () => {
    const args = ['serve-bundle', '-timeout', '60', '-trust-domain', OTHER, '-bundle', file('other.json')];
    const server: RunningProcess = await startProcess({
      name: 'go-spiffe bundle endpoint',
      command: tools['spiffe-peer'],
      args: [...args, '-svid', file('svid.pem'), '-key', file('key.pem')],
      ready: { line: /"listening"/ },
    });
    try {
      const address = server.output.match(/"listening":"([^"]+)"/)?.[1];
      const relationship: FederationRelationship = {
        trustDomain: OTHER,
        url: `https://${address}/`,
        profile: 'https_spiffe',
        endpointSpiffeId: `spiffe://${OTHER}/bundle`,
        bootstrapBundle: readFileSync(file('other.json'), 'utf8'),
        createdAtMs: 0,
      };
      const ports = { known: undefined, nowMs: Date.now(), places: { allowLoopback: true } };
      expect(await fetchBundle(relationship, ports)).toMatchObject({
        ok: true,
        value: { trustDomain: OTHER, sequence: 4, refreshHintSeconds: 120 },
      });
      const elsewhere = { ...relationship, endpointSpiffeId: `spiffe://${OTHER}/else` };
      expect(await fetchBundle(elsewhere, ports)).toMatchObject({ ok: false, reason: 'endpoint-untrusted' });
    } finally {
      await server.stop();
    }
  });

  describe('the agent as the endpoint of its trust domain', () => {
    let node: TestNode;
    let elsewhere: World;
    let url: string;
    beforeAll(async () => {
      node = await startTestNode(MINIMAL_POLICIES, { bundleEndpoint: { address: '127.0.0.1', port: 0 } });
      await node.agent.ready(20_000);
      elsewhere = await startWorld({ trustDomain: 'elsewhere.test', clock: createManualClock(Date.now()) });
      url = `https://127.0.0.1:${node.agent.bundleEndpoint?.port}${PATHS.trustBundle}`;
      // What one operator gives the other.
      writeFileSync(file('demo.json'), await publicBundle());
    });
    afterAll(async () => {
      await node.stop();
      await elsewhere.remove();
    });

    const publicBundle = async () => (await fetch(node.plane.url + PATHS.trustBundle)).text();

    it('go-spiffe fetches from it as https_spiffe, by exactly the agent’s ID', async () => {
      const endpoint = ['-url', url, '-trust-domain', 'demo.test', '-bundle', file('demo.json')];
      const fetched = await run(['fetch-bundle', ...endpoint, '-authorize', node.agent.spiffeId]);
      expect(fetched.error).toBe('');
      const {
        spiffe_sequence: sequence,
        spiffe_refresh_hint: refreshHintSeconds,
        keys,
      } = JSON.parse(await publicBundle());
      const uses = keys.map(({ use }: { use: string }) => use);
      const of = (use: string) => uses.filter((one: string) => one === use).length;
      expect(fetched.line).toEqual({
        trustDomain: 'demo.test',
        sequence,
        refreshHintSeconds,
        x509Authorities: of('x509-svid'),
        jwtAuthorities: of('jwt-svid'),
      });
      const wrong = await run(['fetch-bundle', ...endpoint, '-authorize', 'spiffe://demo.test/postern/agent/other']);
      expect(wrong.error).toMatch(/unexpected ID/);
      const untrusting = ['-url', url, '-trust-domain', 'demo.test', '-bundle', file('other.json')];
      const foreign = await run(['fetch-bundle', ...untrusting, '-authorize', node.agent.spiffeId]);
      expect(foreign.error).not.toBe('');
    });

    it('another Postern federates by it, and its feed has just that bundle', async () => {
      const relationship = {
        trustDomain: 'demo.test',
        url,
        profile: 'https_spiffe',
        endpointSpiffeId: node.agent.spiffeId,
        bootstrapBundle: readFileSync(file('demo.json'), 'utf8'),
      };
      expect((await elsewhere.admin('POST', PATHS.admin.federations, relationship)).status).toBe(201);
      await elsewhere.tick();
      const answer = await elsewhere.admin('GET', PATHS.admin.federations);
      const { federations } = (await answer.json()) as FederationsAnswer;
      expect(federations).toMatchObject([{ trustDomain: 'demo.test', bundleObservedAtMs: expect.any(Number) }]);
      expect(elsewhere.logs.filter(({ event }) => event === 'federated-bundle-not-fetched')).toEqual([]);
    });
  });
});
