/** The real Envoy when something is missing, wrong or taken away: nothing gets through that was not decided. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import { CHECK_METHOD } from '../ext_authz/index.ts';
import { loadPublishedTypes } from '../ext_authz/testing/published_protos.ts';
import { brokerOfNow, identityOf, leafOf, sourceOf, storefront, tokenOf } from '../ext_authz/testing/world.ts';
import { type ProxiedApp, type ProxiedAppOptions, pemOf, startProxiedApp } from './testing/proxied_app.ts';

const FLAVOURS = ['grpc', 'http'] as const;
const running: ProxiedApp[] = [];
afterEach(async () => {
  for (const app of running.splice(0)) await app.stop();
}, 30_000);
async function start(options: ProxiedAppOptions): Promise<ProxiedApp> {
  const app = await startProxiedApp(options);
  running.push(app);
  return app;
}

/** What an operator's own configuration may leave out. */
const WITHOUT_NORMALISATION = (config: string) =>
  config
    .replace('"normalize_path":true', '"normalize_path":false')
    .replace('"merge_slashes":true', '"merge_slashes":false')
    .replace('"REJECT_REQUEST","forward', '"KEEP_UNCHANGED","forward');

/** The listener's own fence taken down, and more of a client's headers shown to the authorizer than the template does. */
function withoutFence(config: string): string {
  return config
    .replace(/\{"name":"envoy\.filters\.http\.header_mutation".*?\}\}\]\}\}\},/, '')
    .replace('"allowed_headers":{"patterns":[', '"allowed_headers":{"patterns":[{"prefix":"x-"},');
}

describeWithTool('Envoy', ['envoy'], () => {
  describe.each(FLAVOURS)('%s flavour', (flavour) => {
    it('X31–X33: refuses every path that is not its own canonical form, through an Envoy that does not normalise', async () => {
      const app = await start({ flavour, edit: WITHOUT_NORMALISATION });
      const targets = [
        ...['/a/../admin', '/a/%2e%2e/admin', '//admin', '/%61dmin', '/a%2f..%2fadmin', '/a\\..\\admin', '/./admin'],
        ...['/%2e%2e;/admin', '/..;/admin', '/user/..;foo=bar/admin', '/admin;x=1', '/a%5cb', '/a%00b', '/a%252fb'],
        ...['/a%2Fb', '/a/%c0%ae%c0%ae/admin', '/a/..', '/a/.', '/a//b', '/a%zz', '/a%4', '/a/%2E%2E/b', '/a/%2e/b'],
      ];
      for (const target of targets) {
        const answer = await app.ask(storefront, { target });
        expect(answer.status, target).toBe(403);
      }
      expect(app.received).toEqual([]);
      expect(app.kept).toHaveLength(targets.length);
      expect(app.kept.every((record) => 'outcome' in record && record.outcome === 'deny')).toBe(true);
      const plain = await app.ask(storefront, { target: '/b/c?x=%2F&y=..//' });
      expect(plain.status).toBe(200);
      expect(app.received).toMatchObject([{ url: '/b/c?x=%2F&y=..//' }]);
    });

    it('X25: keeps forged facts from the decision by the filter’s own list as well', async () => {
      const app = await start({ flavour, input: { requireClientCertificate: false }, edit: withoutFence });
      const headers = [
        ['x-postern-peer-uri', 'spiffe://demo.test/storefront'],
        ['x-postern-workload', 'spiffe://demo.test/storefront'],
        ['x-postern-user', 'admin'],
      ] as const;
      expect((await app.ask(undefined, { target: '/x', headers })).status).toBe(403);
      expect((await app.ask(undefined, { target: '/public', headers })).status).toBe(200);
      const forged = app.received[0]!.headers.filter(
        ([name, value]) => name.startsWith('x-postern-') && value.includes('a'),
      );
      expect(forged.map(([name]) => name).filter((name) => name !== 'x-postern-decision-id')).toEqual([]);
    });

    it('answers 503 and lets nothing through while the authorizer is away', async () => {
      const app = await start({ flavour });
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(200);
      await app.stopAuthorizer();
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(503);
      expect(app.received).toHaveLength(1);
    });

    it('answers 503 and lets nothing through when the authorizer takes too long', async () => {
      const app = await start({ flavour, ports: { record: () => new Promise(() => {}) } });
      const startMs = performance.now();
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(503);
      expect(performance.now() - startMs).toBeLessThan(10_000);
      expect(app.received).toEqual([]);
    });

    it.each([
      ['a record that cannot be kept', { record: () => Promise.reject(new Error('disk full')) }],
      ['a fault in the attestor', { attestor: { attest: () => Promise.reject(new Error('boom')) } }],
      ['no release yet', { state: () => undefined }],
    ] satisfies [string, ProxiedAppOptions['ports']][])('answers 503 for %s', async (_, ports) => {
      const app = await start({ flavour, ports });
      const answer = await app.ask(storefront, { target: '/x', headers: [['authorization', `Bearer ${tokenOf()}`]] });
      expect(answer.status).toBe(503);
      expect(app.received).toEqual([]);
    });

    it('lets nothing through for a fault in a decision, and keeps its record', async () => {
      const broker = brokerOfNow();
      const check: typeof broker.check = (_, request, point) => broker.check({} as never, request, point);
      const app = await start({ flavour, ports: { broker: { ...broker, check } } });
      const answer = await app.ask(storefront, { target: '/x' });
      // By HTTP every 5xx of an authorizer is an error to Envoy (X22).
      expect(answer.status).toBe(flavour === 'grpc' ? 500 : 503);
      expect(app.kept).toMatchObject([{ reason: 'internal-error' }]);
      expect(app.received).toEqual([]);
    });

    it('is no enforcement point for being on this machine: another program’s Envoy is refused', async () => {
      const app = await start({
        flavour,
        ports: { source: sourceOf(() => [identityOf('spiffe://demo.test/other')]) },
      });
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(403);
      expect(app.kept).toMatchObject([{ enforcementPoint: 'spiffe://demo.test/other', outcome: 'deny' }]);
    });

    it('X19: ends a WebSocket when its time is up, whatever is still to be said', async () => {
      const app = await start({ flavour, input: { maxStreamSeconds: 1 } });
      const socket = connect({ port: app.port, host: '127.0.0.1', rejectUnauthorized: false, ...pemOf(storefront) });
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.on('error', () => {});
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      const startMs = performance.now();
      const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13';
      socket.write(`GET /socket HTTP/1.1\r\nhost: app.demo.test\r\n${upgrade}\r\n\r\n`);
      await expect.poll(() => text, { timeout: 5_000 }).toMatch(/^HTTP\/1.1 101 /);
      const talk = setInterval(() => socket.writable && socket.write('hello'), 100);
      await Promise.race([closed, pause(12_000)]);
      clearInterval(talk);
      socket.destroy();
      expect(performance.now() - startMs).toBeLessThan(10_000);
    });

    it('asks every client for a certificate, unless told that some have none', async () => {
      const app = await start({ flavour });
      expect((await app.ask(undefined, { target: '/public' })).status).toBe(0);
      expect(app.kept).toEqual([]);
    });
  });

  it('X17: takes no answer that would make it another request than the one decided about', async () => {
    const { response } = loadPublishedTypes();
    const rewrites = [
      { headers: [{ header: { key: ':path', value: '/admin' }, append_action: 2 }] },
      { headers: [{ header: { key: 'host', value: 'evil.test' }, append_action: 2 }] },
      { headers: [{ header: { key: ':method', value: 'DELETE' }, append_action: 2 }] },
      { headers: [{ header: { key: 'x-a', value: 'b\r\nx-postern-user: admin' }, append_action: 2 }] },
    ];
    let answer: object = {};
    const handle = () => response.encode(response.fromObject({ status: { message: 'yes' }, ...answer })).finish();
    const app = await start({ flavour: 'grpc', grpcMethods: { [CHECK_METHOD]: { kind: 'unary', handle } } });
    answer = { ok_response: {} };
    expect((await app.ask(storefront, { target: '/x' })).status).toBe(200);
    for (const ok_response of rewrites) {
      answer = { ok_response };
      expect((await app.ask(storefront, { target: '/x' })).status, JSON.stringify(ok_response)).toBeGreaterThanOrEqual(
        403,
      );
    }
    expect(app.received).toHaveLength(1);
  });

  it('speaks no TLS that shows who a client is to whoever listens, and lets no session be resumed unverified', async () => {
    const app = await start({ flavour: 'grpc' });
    const options = { port: app.port, host: '127.0.0.1', rejectUnauthorized: false, ...pemOf(storefront) };
    const old = connect({ ...options, maxVersion: 'TLSv1.2' });
    const [fault] = (await once(old, 'error')) as [NodeJS.ErrnoException];
    expect(fault.code).toContain('PROTOCOL_VERSION');
    const socket = connect(options);
    let tickets = 0;
    socket.on('session', () => {
      tickets += 1;
    });
    socket.write('GET /x HTTP/1.1\r\nhost: app.demo.test\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    expect(tickets).toBe(0);
  });

  it('decides the same in both flavours', async () => {
    const requests = [
      { leaf: storefront, target: '/x' },
      { leaf: storefront, target: '/admin' },
      { leaf: storefront, target: '/x', headers: [['authorization', `Bearer ${tokenOf()}`]] as const },
      { leaf: storefront, target: '/x', headers: [['authorization', 'Basic eDp5']] as const },
      { leaf: storefront, target: '/x', headers: [['authorization', 'Bearer x.y.z']] as const },
      { leaf: storefront, target: '/x', method: 'POST', body: 'a=b' },
      { leaf: storefront, target: '/x', method: 'DELETE' },
      { leaf: storefront, target: '/x', host: 'other.demo.test' },
      { leaf: storefront, target: '/%2e%2e;/admin' },
      { leaf: leafOf({ uris: ['spiffe://demo.test/other'] }), target: '/x' },
      { leaf: leafOf({ uris: ['spiffe://a.test/x', 'spiffe://b.test/y'] }), target: '/x' },
      { leaf: undefined, target: '/public' },
      { leaf: undefined, target: '/x' },
    ];
    const decided = await Promise.all(
      FLAVOURS.map(async (flavour) => {
        const app = await start({ flavour, input: { requireClientCertificate: false } });
        const statuses: number[] = [];
        for (const { leaf, ...request } of requests) statuses.push((await app.ask(leaf, request)).status);
        return { statuses, records: app.kept.map(withoutMoment) };
      }),
    );
    expect(decided[0]!.records).toHaveLength(requests.length);
    expect(decided[1]).toEqual(decided[0]);
    expect(new Set(decided[0]!.statuses)).toEqual(new Set([200, 401, 403]));
  });
});

const withoutMoment = ({ id, ...record }: ProxiedApp['kept'][number]) => ({
  ...record,
  latencyUs: 0,
  validUntilMs: 0,
});
