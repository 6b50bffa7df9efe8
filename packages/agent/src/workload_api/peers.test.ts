import { execFile } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Peer,
  type PeerJwtSvids,
  type PeerSvids,
  peers,
  runPeer,
  startPeer,
  startPeerServer,
} from '../../../../test/interop/peers.ts';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import { type LocalAgent, OWN_UID, startLocalAgent, TRUST_DOMAIN } from './testing/local_agent.ts';

// Workloads by other people's code: they verify what they are given, by their own reading of the standard.
describe('the Workload API, judged by other people’s clients', () => {
  let agent: LocalAgent;
  let socket: string;
  const spiffeId = `spiffe://${TRUST_DOMAIN}/workload`;
  const workload = { path: '/workload', selectors: [OWN_UID] };

  beforeAll(async () => {
    agent = await startLocalAgent();
    socket = `unix://${agent.socketPath}`;
  });
  afterAll(() => agent.stop());

  for (const peer of peers)
    describeWithTool(peer.name, [peer.tool], () => {
      it(`fetches its SVID and finds it valid`, async () => {
        await agent.entitle([workload]);
        const { code, lines, error } = await runPeer(peer, 'fetch', { socket });
        expect(code, error).toBe(0);
        const answer = lines[0] as PeerSvids;
        const { serial } = agent.identity('/workload');
        expect(answer.svids).toMatchObject([{ spiffeId, serial, chainLength: 2 }]);
        expect(Object.keys(answer.authoritiesPem)).toEqual([TRUST_DOMAIN]);
      });

      it(`fetches the bundles, with the keys of JWT-SVIDs`, async () => {
        await agent.entitle([workload]);
        const { code, lines, error } = await runPeer(peer, 'bundles', { socket });
        expect(code, error).toBe(0);
        expect(lines[0]).toMatchObject({
          authoritiesPem: { [TRUST_DOMAIN]: expect.any(String) },
          jwtKeyIds: { [TRUST_DOMAIN]: [agent.jwtDoor.authority.keyId] },
        });
      });

      it(`fetches its JWT-SVIDs, and finds them valid by the keys of the bundle`, async () => {
        await agent.entitle([workload, { path: '/workload-2', selectors: [OWN_UID], hint: 'second' }]);
        const { code, lines, error } = await runPeer(peer, 'jwt', { socket, audience: 'ledger,audit' });
        expect(code, error).toBe(0);
        const { jwtSvids } = lines[0] as PeerJwtSvids;
        expect(jwtSvids.map((svid) => svid.spiffeId)).toEqual([spiffeId, `spiffe://${TRUST_DOMAIN}/workload-2`]);
        expect(jwtSvids.map(({ audience }) => [...audience].sort())).toEqual(Array(2).fill(['audit', 'ledger']));
        const one = await runPeer(peer, 'jwt', { socket, audience: 'ledger', subject: spiffeId });
        expect((one.lines[0] as PeerJwtSvids).jwtSvids.map((svid) => svid.spiffeId)).toEqual([spiffeId]);
      });

      it(`has a token of another workload validated, and hears what is wrong with a bad one`, async () => {
        await agent.entitle([workload]);
        const { token } = await agent.jwtDoor.mint('/storefront', ['ledger']);
        const taken = await runPeer(peer, 'validate', { socket, audience: 'ledger', token });
        expect(taken.code, taken.error).toBe(0);
        expect((taken.lines[0] as PeerJwtSvids).jwtSvids[0]?.spiffeId).toBe(`spiffe://${TRUST_DOMAIN}/storefront`);
        const refused = await runPeer(peer, 'validate', { socket, audience: 'other', token });
        expect([refused.code, refused.lines]).toEqual([1, []]);
        expect(refused.error).toMatch(/jwt-svid-audience-mismatch/);
      });

      it(`gets no JWT-SVID for a name that is not its own`, async () => {
        await agent.entitle([workload]);
        const subject = `spiffe://${TRUST_DOMAIN}/other`;
        const { code, error } = await runPeer(peer, 'jwt', { socket, audience: 'ledger', subject });
        expect(code).toBe(1);
        expect(error).toMatch(/permission.?denied|no identity issued/i);
      });

      it(`sees a rotation on the stream that it has open`, async () => {
        await agent.entitle([workload]);
        const watcher = await startPeer(peer, 'watch', { socket, count: 2, timeout: 15 }, /"svids"/);
        await agent.rotate();
        const exit = await watcher.exited;
        expect(exit.code, watcher.output.text()).toBe(0);
        expect(watcher.output.text()).toContain(agent.identity('/workload').serial);
      });

      it(`gets nothing when no entry is for it`, async () => {
        await agent.entitle([{ path: '/other', selectors: ['unix:uid:4000000000'] }]);
        const { code, lines, error } = await runPeer(peer, 'fetch', { socket, timeout: 3 });
        expect([code, lines]).toEqual([1, []]);
        expect(error).toMatch(/permission.?denied|no identity issued/i);
      });
    });

  // Each with the next: every pair is in `test/interop/node_agent.test.ts`.
  for (const [index, from] of peers.entries()) {
    const to = peers[(index + 1) % peers.length] as Peer;
    describeWithTool(`${from.name} and ${to.name}`, [from.tool, to.tool], () => {
      it('talk mTLS with each other, each seeing who the other is', async () => {
        await agent.entitle([workload]);
        const { address, server } = await startPeerServer(to, { socket, authorize: spiffeId, timeout: 15 });
        try {
          const flags = { socket, address, authorize: spiffeId, line: 'hi' };
          const { code, lines, error } = await runPeer(from, 'dial', flags);
          expect(code, error).toBe(0);
          expect(lines).toEqual([{ peer: spiffeId, answer: `${spiffeId} said hi` }]);
        } finally {
          await server.stop();
        }
      });
    });
  }

  describeWithTool('a path', ['spiffe-peer'], (tools) => {
    it('a copy of an entitled program at another path gets nothing', async () => {
      const entitled = join(agent.folder, 'entitled');
      const impostor = join(agent.folder, 'impostor');
      for (const path of [entitled, impostor]) copyFileSync(tools['spiffe-peer'], path);
      await agent.entitle([{ path: '/workload', selectors: [OWN_UID, `unix:path:${entitled}`] }]);
      const run = (path: string) => runProgram(path, ['fetch', '-socket', socket, '-timeout', '3']);
      expect(await run(entitled)).toMatchObject({ code: 0, output: expect.stringContaining(spiffeId) });
      expect(await run(impostor)).toMatchObject({ code: 1, output: expect.not.stringContaining(spiffeId) });
    });
  });
});

function runProgram(path: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(path, args, { encoding: 'utf8' }, (fault, stdout) => {
      resolve({ code: fault === null ? 0 : Number(fault.code), output: stdout });
    });
  });
}
