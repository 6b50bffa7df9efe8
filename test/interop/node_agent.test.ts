import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { renderEnvoyConfig } from '@postern/agent';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../kit/envoy.ts';
import { describeWithTool } from '../kit/tools.ts';
import { waitUntil } from '../kit/wait.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';
import { type PeerSvids, peers, runPeer, startPeer, startPeerServer } from './peers.ts';

/** The profile's least; a quarter of it, and its jitter, is how long a rotation lets wait for itself. */
const SHORTEST_TTL_SECONDS = 300;
const ROTATION_SECONDS = 110;

/** The agent lives in this process: nothing may block it. */
const run = promisify(execFile);

describeWithTool(
  'other people’s clients on the agent’s socket',
  ['spiffe-peer', 'python-spiffe', 'openssl', 'curl', 'envoy'],
  (tools) => {
    let node: TestNode;
    beforeAll(async () => {
      node = await startTestNode(MINIMAL_POLICIES);
      // Short-lived, so that a rotation happens while a test looks.
      await node.enter('go', tools['spiffe-peer'], { ttlSeconds: SHORTEST_TTL_SECONDS });
      await node.enter('python', tools['python-spiffe'], { ttlSeconds: SHORTEST_TTL_SECONDS });
      await node.enter('web', tools['envoy'], { ttlSeconds: SHORTEST_TTL_SECONDS, dnsNames: ['web.demo.test'] });
      await node.agent.ready(20_000);
      await waitUntil('every peer to have an SVID', 20_000, async () => {
        const fetched = await Promise.all(peers.map((peer) => runPeer(peer, 'fetch', flags())));
        return fetched.every(({ code }) => code === 0);
      });
    });
    afterAll(() => node?.stop());

    const flags = () => ({ socket: `unix://${node.socket}`, timeout: 20 });

    describe.each(peers)('$name', (peer) => {
      test('fetches its SVID, and OpenSSL verifies the chain in strict mode', async () => {
        const { lines, error } = await runPeer(peer, 'fetch', flags());
        expect(error).toBe('');
        const { svids, authoritiesPem } = lines[0] as PeerSvids;
        expect(svids).toHaveLength(1);
        const svid = svids[0] as PeerSvids['svids'][number];
        expect(svid.spiffeId).toMatch(/^spiffe:\/\/demo\.test\/(go|python)$/);
        expect(svid.chainLength).toBe(2);
        const [leaf, issuer] = svid.chainPem.split(/(?<=-----END CERTIFICATE-----\n)/) as [string, string];
        const file = (name: string, text: string) => {
          writeFileSync(join(node.dir, name), text);
          return join(node.dir, name);
        };
        const ca = file('ca.pem', Object.values(authoritiesPem)[0] as string);
        const args = [
          'verify',
          '-x509_strict',
          '-CAfile',
          ca,
          '-untrusted',
          file('issuer.pem', issuer),
          file('leaf.pem', leaf),
        ];
        expect((await run(tools['openssl'], args)).stdout).toContain('OK');
      });

      test('learns the bundle of its trust domain', async () => {
        const { code, error } = await runPeer(peer, 'bundles', flags());
        expect({ code, error }).toEqual({ code: 0, error: '' });
      });
    });

    const ids = { 'go-spiffe': 'spiffe://demo.test/go', 'Python spiffe': 'spiffe://demo.test/python' } as Record<
      string,
      string
    >;
    const pairs = peers.flatMap((server) => peers.map((client) => ({ server, client })));
    test.each(pairs)(
      '$client.name dials $server.name with mutual TLS, and refuses another name',
      async ({ server, client }) => {
        const listening = await startPeerServer(server, { ...flags(), authorize: ids[client.name] });
        try {
          const dial = { ...flags(), address: listening.address, line: 'hello' };
          const dialled = await runPeer(client, 'dial', { ...dial, authorize: ids[server.name] });
          expect({ code: dialled.code, error: dialled.error }).toEqual({ code: 0, error: '' });
          const refused = await runPeer(client, 'dial', { ...dial, authorize: 'spiffe://demo.test/somebody-else' });
          expect(refused.code).not.toBe(0);
        } finally {
          await listening.server.stop();
        }
      },
    );

    describe('Envoy', () => {
      let envoy: RunningEnvoy;
      let port: number;
      beforeAll(async () => {
        envoy = await startEnvoy({
          name: 'web',
          config: renderEnvoyConfig({
            service: 'web',
            trustDomain: 'demo.test',
            spiffeId: 'spiffe://demo.test/web',
            listen: { address: '127.0.0.1', port: 0 },
            upstreamApp: { address: '127.0.0.1', port: 9 },
            agentSocket: node.socket,
            // Nobody answers there: every request is refused, the certificate is what is looked at.
            authz: { kind: 'http', socket: join(node.dir, 'nobody.sock') },
            requireClientCertificate: false,
          }),
        });
        await envoy.waitReady();
        port = Object.values(await envoy.ports())[0] as number;
      });
      afterAll(() => envoy?.stop());

      const servedSerial = async () => {
        const command = `"${tools['openssl']}" s_client -connect 127.0.0.1:${port} </dev/null 2>/dev/null | "${tools['openssl']}" x509 -noout -serial`;
        return (await run('sh', ['-c', command])).stdout.trim();
      };

      test('serves the SVID that the agent handed it, which curl verifies', async () => {
        const { lines } = await runPeer(peers[0] as (typeof peers)[number], 'fetch', flags());
        const ca = join(node.dir, 'curl-ca.pem');
        writeFileSync(ca, Object.values((lines[0] as PeerSvids).authoritiesPem)[0] as string);
        const args = [
          '-sS',
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          '--cacert',
          ca,
          '--resolve',
          `web.demo.test:${port}:127.0.0.1`,
          `https://web.demo.test:${port}/`,
        ];
        // TLS succeeded against the name of the SVID; without an authorizer the answer is the template's 503.
        expect((await run(tools['curl'], args)).stdout).toBe('503');
      });

      test(
        'a rotation reaches it, and every open stream of the others, without being asked for',
        async () => {
          const before = await servedSerial();
          expect(before).toMatch(/^serial=[0-9A-F]{32}$/);
          const watching = peers.map((peer) =>
            runPeer(peer, 'watch', { ...flags(), timeout: ROTATION_SECONDS, count: 2 }),
          );
          await waitUntil(
            'Envoy to serve a newer SVID',
            ROTATION_SECONDS * 1000,
            async () => (await servedSerial()) !== before,
          );
          for (const { code, lines, error } of await Promise.all(watching)) {
            expect(code, error).toBe(0);
            expect(new Set(lines.flatMap((line) => (line as PeerSvids).svids.map((svid) => svid.serial))).size).toBe(2);
          }
        },
        ROTATION_SECONDS * 1000 + 10_000,
      );
    });

    test('a program that nobody entered gets no identity', async () => {
      const stranger = join(node.dir, 'stranger');
      await copyFile(tools['spiffe-peer'], stranger);
      const fetching = run(stranger, ['fetch', '--socket', `unix://${node.socket}`, '--timeout', '5']);
      await expect(fetching).rejects.toThrow(/PermissionDenied|no identity/);
    });

    test('a watcher whose entry is deleted is told so, instead of keeping an identity it has no more', async () => {
      const watcher = await startPeer(
        peers[0] as (typeof peers)[number],
        'watch',
        { ...flags(), timeout: 60, count: 1000 },
        /"spiffeId"/,
      );
      const { entries } = await node.admin<{ entries: { id: string; spiffeId: string }[] }>('GET', '/v1/admin/entries');
      const entry = entries.find(({ spiffeId }) => spiffeId === 'spiffe://demo.test/go');
      await node.admin('DELETE', `/v1/admin/entries/${entry?.id}`);
      await waitUntil(
        'the watcher to lose its identity',
        20_000,
        async () => (await runPeer(peers[0] as (typeof peers)[number], 'fetch', { ...flags(), timeout: 3 })).code !== 0,
      );
      await watcher.stop();
    }, 60_000);
  },
);
