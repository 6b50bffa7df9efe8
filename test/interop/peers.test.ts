import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createOpensslAuthority, type OpensslAuthority, type OpensslSvid } from '../kit/openssl_svids.ts';
import { type ReferenceWorkloadApi, startReferenceWorkloadApi } from '../kit/reference_workload_api.ts';
import { describeWithTool } from '../kit/tools.ts';
import { type PeerSvids, peers, runPeer, startPeer, startPeerServer } from './peers.ts';

const TRUST_DOMAIN = 'outside.test';
const PATH = '/workload';

// The peers are judges: this proves that they say yes to what is right, and no to what is wrong, before they judge us.
describeWithTool('the peers, before a Workload API that is not ours', ['openssl'], (tools) => {
  let folder: string;
  let socket: string;
  let authority: OpensslAuthority;
  let stranger: OpensslAuthority;
  let api: ReferenceWorkloadApi;
  const spiffeId = `spiffe://${TRUST_DOMAIN}${PATH}`;

  const contentOf = (svids: readonly OpensslSvid[]) => ({
    svids,
    bundleDer: authority.authorityDer,
    trustDomain: TRUST_DOMAIN,
  });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-peers-'));
    socket = `unix://${join(folder, 'api.sock')}`;
    authority = createOpensslAuthority(tools.openssl, TRUST_DOMAIN);
    stranger = createOpensslAuthority(tools.openssl, TRUST_DOMAIN);
    api = await startReferenceWorkloadApi(join(folder, 'api.sock'), contentOf([authority.issue(PATH)]));
  });

  afterAll(() => {
    api.stop();
    authority.remove();
    stranger.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const peer of peers)
    describeWithTool(peer.name, [peer.tool], () => {
      it(`fetches the SVID that was issued, and its trust domain's authority`, async () => {
        const svid = authority.issue(PATH);
        api.update(contentOf([svid]));
        const { code, lines, error } = await runPeer(peer, 'fetch', { socket });
        expect(code, error).toBe(0);
        const answer = lines[0] as PeerSvids;
        expect(answer.svids).toHaveLength(1);
        expect(answer.svids[0]).toMatchObject({ spiffeId, serial: svid.serialHex, chainLength: 1 });
        expect(answer.authoritiesPem[TRUST_DOMAIN]?.trim()).toBe(authority.authorityPem.trim());
      });

      it(`fetches the bundles`, async () => {
        const { code, lines, error } = await runPeer(peer, 'bundles', { socket });
        expect(code, error).toBe(0);
        expect(lines[0]).toMatchObject({ authoritiesPem: { [TRUST_DOMAIN]: expect.any(String) }, jwtKeyIds: {} });
      });

      it(`sees a rotation on the stream that it has open`, async () => {
        const watcher = await startPeer(peer, 'watch', { socket, count: 2, timeout: 30 }, /"svids"/);
        const next = authority.issue(PATH);
        api.update(contentOf([next]));
        const exit = await watcher.exited;
        expect(exit.code, watcher.output.text()).toBe(0);
        expect(watcher.output.text()).toContain(next.serialHex);
      });

      it(`ends with an error where there is no Workload API`, async () => {
        const nowhere = `unix://${join(folder, 'nowhere.sock')}`;
        const { code, error } = await runPeer(peer, 'fetch', { socket: nowhere, timeout: 2 });
        expect(code).toBe(1);
        expect(error).toContain('"error"');
      });

      for (const other of peers)
        describeWithTool(`with ${other.name}`, [other.tool], () => {
          it(`exchanges a line by mTLS, each seeing who the other is`, async () => {
            const { address, server } = await startPeerServer(other, { socket, authorize: spiffeId, timeout: 60 });
            try {
              const { code, lines, error } = await runPeer(peer, 'dial', {
                socket,
                address,
                authorize: spiffeId,
                line: 'hi',
              });
              expect(code, error).toBe(0);
              expect(lines).toEqual([{ peer: spiffeId, answer: `${spiffeId} said hi` }]);
            } finally {
              await server.stop();
            }
          });
        });

      it(`does not talk to a workload other than the one it was told to`, async () => {
        const { address, server } = await startPeerServer(peer, { socket, authorize: spiffeId, timeout: 60 });
        try {
          const flags = { socket, address, authorize: `spiffe://${TRUST_DOMAIN}/other` };
          const { code, lines } = await runPeer(peer, 'dial', flags);
          expect(code).toBe(1);
          expect(lines).toEqual([]);
        } finally {
          await server.stop();
        }
      });

      it(`does not serve a workload whose trust domain merely has the right name`, async () => {
        const { address, server } = await startPeerServer(peer, {
          socket,
          authorize: `spiffe://${TRUST_DOMAIN}`,
          timeout: 60,
        });
        const strangerSocket = join(folder, `stranger-${peer.tool}.sock`);
        const strangerApi = await startReferenceWorkloadApi(strangerSocket, {
          svids: [stranger.issue(PATH)],
          bundleDer: stranger.authorityDer,
          trustDomain: TRUST_DOMAIN,
        });
        try {
          const flags = { socket: `unix://${strangerSocket}`, address, authorize: spiffeId };
          const { code, lines } = await runPeer(peer, 'dial', flags);
          expect(code).toBe(1);
          expect(lines).toEqual([]);
          await server.output.waitForLine(/"refused"/);
          expect(server.output.text()).not.toContain('"line"');
        } finally {
          strangerApi.stop();
          await server.stop();
        }
      });
    });
});
