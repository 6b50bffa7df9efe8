/** Mutual TLS out of the proxy, to other services and to an authorizer elsewhere: to the one SPIFFE ID that was named. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { encodePem } from '@postern/der';
import { afterEach, expect, it } from 'vitest';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import { APP, type Leaf, leafOf, root, STOREFRONT, storefront } from '../ext_authz/testing/world.ts';
import { type ProxiedApp, type ProxiedAppOptions, pemOf, startProxiedApp } from './testing/proxied_app.ts';
import { askRaw } from './testing/raw_request.ts';

const LEDGER = 'spiffe://demo.test/ledger';
const AUTHORIZE = 'spiffe://demo.test/authorize';

interface Call {
  readonly url: string;
  readonly caller: string;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
}

const stopping: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0).reverse()) await stop();
}, 30_000);

/** Another workload: shows `leaf`, and wants an SVID of the trust domain. */
async function startPeer(
  leaf: Leaf,
  headers: readonly (readonly [string, string])[] = [],
  status: number | 'never' = 200,
) {
  const calls: Call[] = [];
  const tls = {
    ...pemOf(leaf),
    ca: encodePem('CERTIFICATE', root.certificate),
    requestCert: true,
    rejectUnauthorized: true,
  };
  const server: Server = createServer(tls, (request, response) => {
    const caller = (request.socket as TLSSocket).getPeerCertificate().subjectaltname ?? '';
    calls.push({ url: request.url!, caller, headers: request.headers });
    if (status === 'never') return;
    response.statusCode = status;
    for (const [name, value] of headers) response.setHeader(name, value);
    response.end('from the peer');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stopping.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { calls, address: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

async function start(options: ProxiedAppOptions): Promise<ProxiedApp> {
  const app = await startProxiedApp(options);
  stopping.push(() => app.stop());
  return app;
}

describeWithTool('mutual TLS out of the real Envoy', ['envoy'], () => {
  const outboundTo = (peer: { address: string; port: number }, host?: string) => ({
    name: 'ledger',
    listenPort: 0,
    address: peer.address,
    port: peer.port,
    spiffeId: LEDGER,
    ...(host !== undefined && { host }),
  });
  const forged = [
    ['x-postern-user', 'alice'],
    ['x-forwarded-client-cert', `URI=${STOREFRONT}`],
  ] as const;

  it('shows the service’s own SVID, and passes on neither identities nor certificates of its callers', async () => {
    const peer = await startPeer(leafOf({ uris: [LEDGER] }));
    const app = await start({ flavour: 'grpc', input: { outbound: [outboundTo(peer)] } });
    const port = app.ports['outbound-ledger']!;
    const answer = await askRaw({ port }, { target: '/entries?x=1', host: 'ledger.demo.test', headers: forged });
    expect(answer).toMatchObject({ status: 200 });
    expect(peer.calls).toMatchObject([
      { url: '/entries?x=1', caller: `URI:${APP}`, headers: { host: 'ledger.demo.test' } },
    ]);
    expect(peer.calls[0]!.headers).not.toHaveProperty('x-postern-user');
    expect(peer.calls[0]!.headers).not.toHaveProperty('x-forwarded-client-cert');
  });

  it('names the host that the other service serves, where the application does not', async () => {
    const peer = await startPeer(leafOf({ uris: [LEDGER] }));
    const app = await start({ flavour: 'grpc', input: { outbound: [outboundTo(peer, 'ledger.demo.test')] } });
    await askRaw({ port: app.ports['outbound-ledger']! }, { target: '/', host: '127.0.0.1:1' });
    expect(peer.calls).toMatchObject([{ headers: { host: 'ledger.demo.test' } }]);
  });

  it('X19: ends a call that the other service never answers, when its time is up', async () => {
    const peer = await startPeer(leafOf({ uris: [LEDGER] }), [], 'never');
    const app = await start({ flavour: 'grpc', input: { maxStreamSeconds: 1, outbound: [outboundTo(peer)] } });
    const startMs = performance.now();
    expect((await askRaw({ port: app.ports['outbound-ledger']! }, { target: '/' })).status).toBeGreaterThanOrEqual(408);
    expect(performance.now() - startMs).toBeLessThan(8_000);
    expect(peer.calls).toHaveLength(1);
  });

  it.each([
    ['another workload of the trust domain', { uris: [STOREFRONT] }],
    ['a DNS name that reads like the SPIFFE ID', { uris: [], dnsNames: [LEDGER] }],
    ['a SPIFFE ID below it', { uris: [`${LEDGER}/other`] }],
  ])('sends nothing to %s in the place of the service', async (_, names) => {
    const peer = await startPeer(leafOf(names));
    const app = await start({ flavour: 'grpc', input: { outbound: [outboundTo(peer)] } });
    const answer = await askRaw({ port: app.ports['outbound-ledger']! }, { target: '/' });
    expect(answer.status).toBe(503);
    expect(peer.calls).toEqual([]);
  });

  it('asks an authorizer elsewhere at the fixed path, with the facts in headers, as itself', async () => {
    const peer = await startPeer(leafOf({ uris: [AUTHORIZE] }), [
      ['x-postern-workload', STOREFRONT],
      ['x-internal', 'not for anybody'],
      ['x-envoy-auth-headers-to-remove', 'authorization'],
    ]);
    const authz = { kind: 'https-mtls', address: peer.address, port: peer.port, spiffeId: AUTHORIZE } as const;
    const app = await start({ flavour: 'http', input: { authz } });
    const headers = [['authorization', 'Bearer x']] as const;
    const answer = await app.ask(storefront, { method: 'POST', target: '/a/b?c=%2F', headers, body: 'secret=1' });
    expect(answer.status).toBe(200);
    expect(peer.calls).toMatchObject([
      {
        url: '/check',
        caller: `URI:${APP}`,
        headers: {
          'x-postern-service': 'app',
          'x-postern-method': 'POST',
          'x-postern-target': '/a/b?c=%2F',
          'x-postern-authority': 'app.demo.test',
          'x-postern-scheme': 'https',
          'x-postern-peer-uri': STOREFRONT,
          'x-postern-source-address': '127.0.0.1',
          authorization: 'Bearer x',
          'content-length': '0',
        },
      },
    ]);
    const received = Object.fromEntries(app.received[0]!.headers);
    expect(received).toMatchObject({ 'x-postern-workload': STOREFRONT });
    expect(received).not.toHaveProperty('x-internal');
    expect(received).not.toHaveProperty('authorization');
  });

  it('X23: shows a client of the authorizer’s answer only what a denial needs', async () => {
    const headers = [
      ['x-internal', 'not for anybody'],
      ['x-postern-user', 'alice'],
      ['set-cookie', 'a=b'],
      ['postern-decision-id', '1'],
    ] as const;
    const peer = await startPeer(leafOf({ uris: [AUTHORIZE] }), headers, 403);
    const authz = { kind: 'https-mtls', address: peer.address, port: peer.port, spiffeId: AUTHORIZE } as const;
    const app = await start({ flavour: 'http', input: { authz } });
    const answer = await app.ask(storefront, { target: '/x' });
    expect(answer.status).toBe(403);
    const names = answer.headers.map(([name]) => name);
    expect(names).toContain('postern-decision-id');
    for (const name of ['x-internal', 'x-postern-user', 'set-cookie']) expect(names).not.toContain(name);
  });

  it('takes no answer from another workload in the authorizer’s place', async () => {
    const peer = await startPeer(leafOf({ uris: [STOREFRONT] }));
    const authz = { kind: 'https-mtls', address: peer.address, port: peer.port, spiffeId: AUTHORIZE } as const;
    const app = await start({ flavour: 'http', input: { authz } });
    expect((await app.ask(storefront, { target: '/x' })).status).toBe(503);
    expect(peer.calls).toEqual([]);
    expect(app.received).toEqual([]);
  });
});
