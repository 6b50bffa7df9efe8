import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { renderEnvoyConfig } from '@postern/agent';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../kit/envoy.ts';
import { describeWithTool, findTool } from '../kit/tools.ts';
import { waitUntil } from '../kit/wait.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';
import { type Peer, type PeerJwtSvids, type PeerSvids, peers, runPeer, startPeer, startPeerServer } from './peers.ts';

/** The profile's least; a quarter of it, and its jitter, is how long a rotation lets wait for itself. */
const SHORTEST_TTL_SECONDS = 300;
const ROTATION_SECONDS = 110;

const GO_SPIFFE = peers[0] as Peer;
const spiffeIdOf = (peer: Peer) => `spiffe://demo.test/${peer.tool}`;
/** On a developer's machine some may be missing; in CI that fails their own suites. */
const present = peers.filter((peer) => findTool(peer.tool) !== undefined);

/** The agent lives in this process: nothing may block it. */
const run = promisify(execFile);

describeWithTool(
  'other people’s clients on the agent’s socket',
  ['spiffe-peer', 'openssl', 'curl', 'envoy'],
  (tools) => {
    let node: TestNode;
    beforeAll(async () => {
      node = await startTestNode(MINIMAL_POLICIES);
      // Short-lived, so that a rotation happens while a test looks.
      for (const peer of present) {
        await node.enter(peer.tool, findTool(peer.runs ?? peer.tool) as string, {
          ttlSeconds: SHORTEST_TTL_SECONDS,
        });
      }
      await node.enter('web', tools['envoy'], { ttlSeconds: SHORTEST_TTL_SECONDS, dnsNames: ['web.demo.test'] });
      await node.agent.ready(20_000);
      await waitUntil('every peer to have an SVID', 60_000, async () => {
        const fetched = await Promise.all(present.map((peer) => runPeer(peer, 'fetch', flags())));
        return fetched.every(({ code }) => code === 0);
      });
    });
    afterAll(() => node?.stop());

    const flags = () => ({ socket: `unix://${node.socket}`, timeout: 20 });

    for (const peer of peers)
      describeWithTool(peer.name, [peer.tool], () => {
        test('fetches its SVID, and OpenSSL verifies the chain in strict mode', async () => {
          const { lines, error } = await runPeer(peer, 'fetch', flags());
          expect(error).toBe('');
          const { svids, authoritiesPem } = lines[0] as PeerSvids;
          expect(svids).toHaveLength(1);
          const svid = svids[0] as PeerSvids['svids'][number];
          expect(svid.spiffeId).toBe(spiffeIdOf(peer));
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

        test('fetches a JWT-SVID, which the agent validates for every peer, and for its audience alone', async () => {
          const fetched = await runPeer(peer, 'jwt', { ...flags(), audience: 'ledger' });
          expect(fetched.code, fetched.error).toBe(0);
          const [svid, ...others] = (fetched.lines[0] as PeerJwtSvids).jwtSvids;
          expect(others).toEqual([]);
          expect(svid).toMatchObject({ spiffeId: spiffeIdOf(peer), audience: ['ledger'] });
          for (const reader of present) {
            const validate = { ...flags(), token: svid?.token as string };
            const taken = await runPeer(reader, 'validate', { ...validate, audience: 'ledger' });
            expect(taken.code, `${reader.name}: ${taken.error}`).toBe(0);
            expect((taken.lines[0] as PeerJwtSvids).jwtSvids).toMatchObject([{ spiffeId: spiffeIdOf(peer) }]);
          }
          const misused = await runPeer(peer, 'validate', {
            ...flags(),
            token: svid?.token as string,
            audience: 'audit',
          });
          expect([misused.code, misused.lines]).toEqual([1, []]);
          expect(misused.error).toMatch(/jwt-svid-audience-mismatch/);
        });

        test('learns the bundle of its trust domain', async () => {
          const { code, error } = await runPeer(peer, 'bundles', flags());
          expect({ code, error }).toEqual({ code: 0, error: '' });
        });
      });

    for (const server of peers) {
      for (const client of peers)
        describeWithTool(`${client.name}, ${server.name}`, [client.tool, server.tool], () => {
          test('dials with mutual TLS, and refuses another name', async () => {
            const listening = await startPeerServer(server, { ...flags(), authorize: spiffeIdOf(client) });
            try {
              const dial = { ...flags(), address: listening.address, line: 'hello' };
              const dialled = await runPeer(client, 'dial', { ...dial, authorize: spiffeIdOf(server) });
              expect({ code: dialled.code, error: dialled.error }).toEqual({ code: 0, error: '' });
              const answer = `${spiffeIdOf(client)} said hello`;
              expect(dialled.lines).toEqual([{ peer: spiffeIdOf(server), answer }]);
              const refused = await runPeer(client, 'dial', { ...dial, authorize: 'spiffe://demo.test/somebody-else' });
              expect([refused.code, refused.lines]).toEqual([1, []]);
            } finally {
              await listening.server.stop();
            }
          });
        });
    }

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
        const { lines } = await runPeer(GO_SPIFFE, 'fetch', flags());
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
          const watching = present.map((peer) =>
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
      const watcher = await startPeer(GO_SPIFFE, 'watch', { ...flags(), timeout: 60, count: 1000 }, /"spiffeId"/);
      const { entries } = await node.admin<{ entries: { id: string; spiffeId: string }[] }>('GET', '/v1/admin/entries');
      const entry = entries.find(({ spiffeId }) => spiffeId === spiffeIdOf(GO_SPIFFE));
      await node.admin('DELETE', `/v1/admin/entries/${entry?.id}`);
      await waitUntil(
        'the watcher to lose its identity',
        20_000,
        async () => (await runPeer(GO_SPIFFE, 'fetch', { ...flags(), timeout: 3 })).code !== 0,
      );
      await watcher.stop();
    }, 60_000);
  },
);
