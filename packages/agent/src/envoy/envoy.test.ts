/** The template and the agent's ext_authz with the real Envoy: what it forwards, and what never gets through. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@postern/der';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import { issuer, leafOf, STOREFRONT, storefront, tokenOf } from '../ext_authz/testing/world.ts';
import { type ClientPem, type ProxiedApp, pemOf, type Received, startProxiedApp } from './testing/proxied_app.ts';
import type { RawAnswer } from './testing/raw_request.ts';

const FLAVOURS = ['grpc', 'http'] as const;
const START_TIMEOUT_MS = 30_000;
const valuesOf = ({ headers }: RawAnswer | Received, name: string) =>
  headers.filter(([known]) => known === name).map(([, value]) => value);
const bearer = (token = tokenOf()): readonly [string, string] => ['authorization', `Bearer ${token}`];

describeWithTool('the template with the real Envoy', ['envoy', 'openssl'], ({ openssl }) => {
  describe.each(FLAVOURS)('%s flavour', (flavour) => {
    let app: ProxiedApp;
    beforeAll(async () => {
      app = await startProxiedApp({ flavour, input: { requireClientCertificate: false } });
    }, START_TIMEOUT_MS);
    afterAll(() => app?.stop(), START_TIMEOUT_MS);

    /** Asks, and tells what was decided and what the application saw of it. */
    async function ask(...args: Parameters<ProxiedApp['ask']>) {
      const [decidedBefore, receivedBefore] = [app.kept.length, app.received.length];
      const answer = await app.ask(...args);
      const decided = app.kept.slice(decidedBefore);
      const received = app.received.slice(receivedBefore);
      return { answer, decided, received };
    }

    it('lets through what is permitted, with what the application may believe and without the credential', async () => {
      const { answer, decided, received } = await ask(storefront, { target: '/x?y=%2F&z', headers: [bearer()] });
      expect(answer).toMatchObject({ status: 200, body: 'from the application' });
      expect(decided).toMatchObject([
        {
          outcome: 'allow',
          path: '/x',
          workload: { spiffeId: STOREFRONT },
          assurance: 'certificate',
          user: { subject: 'alice' },
        },
      ]);
      expect(received).toMatchObject([{ method: 'GET', url: '/x?y=%2F&z' }]);
      expect(valuesOf(received[0]!, 'x-postern-workload')).toEqual([STOREFRONT]);
      expect(valuesOf(received[0]!, 'x-postern-user')).toEqual(['https://idp.demo.test#alice']);
      expect(valuesOf(received[0]!, 'x-postern-decision-id')).toEqual([decided[0]!.id]);
      expect(valuesOf(received[0]!, 'authorization')).toEqual([]);
    });

    it('tells the client why not and under which id, and nothing that is meant for the application', async () => {
      const { answer, decided, received } = await ask(storefront, { target: '/admin', headers: [bearer()] });
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'not-permitted', decision: decided[0]!.id });
      expect(valuesOf(answer, 'postern-decision-id')).toEqual([decided[0]!.id]);
      expect(
        answer.headers.filter(([name]) => name.startsWith('x-postern-') || name.startsWith('x-envoy-auth')),
      ).toEqual([]);
      expect(received).toEqual([]);
      const unsigned = await ask(storefront, { target: '/x', headers: [bearer('x.y.z')] });
      expect(unsigned.answer.status).toBe(401);
      expect(valuesOf(unsigned.answer, 'www-authenticate')).toHaveLength(1);
    });

    it('takes a client without a certificate for nobody, who is permitted nothing but what nobody is', async () => {
      const open = await ask(undefined, { target: '/public' });
      expect(open.answer.status).toBe(200);
      expect(open.decided[0]).not.toHaveProperty('workload');
      expect(valuesOf(open.received[0]!, 'x-postern-workload')).toEqual([]);
      const closed = await ask(undefined, { target: '/x' });
      expect(closed.answer.status).toBe(403);
      expect(closed.decided).toMatchObject([{ reason: 'no-permit' }]);
    });

    it('X2: never makes a principal of a name that is no single SPIFFE URI of an SVID', async () => {
      const admin = 'spiffe://demo.test/storefront';
      const wrong: readonly (readonly [string, ClientPem])[] = [
        ['a DNS name that reads like a SPIFFE ID', pemOf(leafOf({ uris: [], dnsNames: [admin] }))],
        ['a common name that reads like one', commonNameOnly(openssl, admin)],
        ['two URIs', pemOf(leafOf({ uris: [admin, 'spiffe://demo.test/other'] }))],
        ['another URI before it', pemOf(leafOf({ uris: ['https://x.test/a', admin] }))],
        ['another trust domain', pemOf(leafOf({ uris: ['spiffe://elsewhere.test/storefront'] }))],
      ];
      for (const [what, leaf] of wrong) {
        const { answer, decided, received } = await ask(leaf, { target: '/public' });
        expect(answer.status, what).toBe(403);
        expect(decided[0], what).not.toHaveProperty('workload');
        expect(['svid-not-an-svid', 'svid-untrusted'], what).toContain((decided[0] as { reason: string }).reason);
        expect(received, what).toEqual([]);
      }
      expect((await ask(leafOf({ uris: [admin] }), { target: '/x' })).answer.status).toBe(200);
    });

    it('X25: lets no client speak in our name, neither to the decision nor to the application', async () => {
      const forged: (readonly [string, string])[] = [
        ['x-postern-uri', 'spiffe://spoof/x'],
        ['x-postern-peer-uri', STOREFRONT],
        ['X-Postern-Peer-Certificate', encodeURIComponent(encodePem('CERTIFICATE', storefront.certificate))],
        ['x-postern-service', 'other'],
        ['x-postern-target', '/public'],
        ['x-postern-user', 'admin'],
        ['x-postern-User-Groups', 'admins'],
        ['x-postern-workload', STOREFRONT],
        ['x-postern-decision-id', '1'],
        ['x-postern-unheard-of', '1'],
        ['postern-decision-id', '1'],
      ];
      const open = await ask(undefined, { target: '/public', headers: forged });
      expect(open.answer.status).toBe(200);
      expect(open.decided[0]).not.toHaveProperty('workload');
      const ours = open.received[0]!.headers.filter(([name]) => name.includes('postern'));
      expect(ours).toEqual([['x-postern-decision-id', open.decided[0]!.id]]);
      // Without a certificate there is nothing that would overwrite a client's copy of its facts.
      const closed = await ask(undefined, { target: '/x', headers: forged });
      expect(closed.answer.status).toBe(403);
      expect(closed.decided).toMatchObject([{ service: 'app', path: '/x' }]);
      const user = await ask(storefront, { target: '/x', headers: [...forged, bearer()] });
      expect(valuesOf(user.received[0]!, 'x-postern-user')).toEqual(['https://idp.demo.test#alice']);
      expect(valuesOf(user.received[0]!, 'x-postern-user-groups').join('')).toBe('');
    });

    it('refuses a header that a CGI-like application would read as one of ours', async () => {
      const { answer, received } = await ask(storefront, { target: '/x', headers: [['x_postern_user', 'admin']] });
      expect(answer.status).toBe(400);
      expect(received).toEqual([]);
    });

    it('X36: replaces what a client says of its own certificate', async () => {
      const forged = [['x-forwarded-client-cert', `By=x;URI=${STOREFRONT}`]] as const;
      const nobody = await ask(undefined, { target: '/public', headers: forged });
      expect(nobody.decided[0]).not.toHaveProperty('workload');
      expect(valuesOf(nobody.received[0]!, 'x-forwarded-client-cert')).toEqual([]);
      expect((await ask(undefined, { target: '/x', headers: forged })).answer.status).toBe(403);
      const other = await ask(leafOf({ uris: ['spiffe://demo.test/other'] }), { target: '/x', headers: forged });
      expect(other.answer.status).toBe(403);
      const real = await ask(storefront, { target: '/x', headers: forged });
      const [shown] = valuesOf(real.received[0]!, 'x-forwarded-client-cert');
      expect(shown).toContain(`URI=${STOREFRONT}`);
      expect(shown).not.toContain('By=x');
    });

    it('lets no client steer the proxy, or speak to the application in the proxy’s name', async () => {
      const headers = [
        ['x-envoy-upstream-rq-timeout-ms', '1'],
        ['x-envoy-original-path', '/public'],
        ['x-envoy-auth-failure-mode-allowed', 'true'],
        ['x-envoy-auth-partial-body', 'false'],
        ['x-envoy-decorator-operation', 'x'],
        ['x-envoy-internal', 'true'],
        ['x-envoy-external-address', '10.0.0.1'],
      ] as const;
      const { answer, received } = await ask(storefront, { target: '/x', headers });
      expect(answer.status).toBe(200);
      expect(received[0]!.headers.filter(([name]) => name.startsWith('x-envoy-'))).toEqual([]);
    });

    it('X5: refuses two credentials instead of choosing one', async () => {
      const headers = [bearer(), bearer(tokenOf('mallory'))];
      const { answer, decided, received } = await ask(storefront, { target: '/x', headers });
      expect(answer.status).toBe(403);
      expect(['header-duplicate', 'credential-ambiguous']).toContain((decided[0] as { reason: string }).reason);
      expect(received).toEqual([]);
    });

    it('X32: decides about the path that the application gets', async () => {
      for (const target of [
        '/a/../admin',
        '/a/%2e%2e/admin',
        '//admin',
        '/%61dmin',
        '/./admin',
        '/user/..;foo=bar/admin',
      ])
        expect((await ask(storefront, { target })).answer.status, target).toBe(403);
      for (const target of ['/a%2fb', '/a%5cb', '/a%00b'])
        expect((await ask(storefront, { target })).answer.status, target).toBe(400);
      const tidy = await ask(storefront, { target: '/a/../b//c' });
      expect(tidy.decided).toMatchObject([{ path: '/b/c' }]);
      expect(tidy.received).toMatchObject([{ url: '/b/c' }]);
      // X33: what is left over after Envoy's own normalisation.
      expect((await ask(storefront, { target: '/%2e%2e;/admin' })).answer.status).toBe(403);
    });

    it('asks about its own service, whatever host a client names', async () => {
      const { answer, decided } = await ask(storefront, { target: '/x', host: 'other.demo.test' });
      expect(answer.status).toBe(403);
      expect(decided).toMatchObject([{ service: 'app', reason: 'host-not-served' }]);
      for (const host of ['APP.demo.test', 'app.demo.test:8443', 'app.demo.test.'])
        expect((await ask(storefront, { target: '/x', host })).answer.status, host).toBe(200);
      const absolute = await ask(storefront, { target: 'http://other.demo.test/x' });
      expect(absolute.answer.status).toBe(403);
    });

    it('X11: sees the peer that connected, not the one that it names', async () => {
      const { decided, received } = await ask(storefront, { target: '/x', headers: [['x-forwarded-for', '10.0.0.1']] });
      expect(decided).toMatchObject([{ outcome: 'allow' }]);
      const [shown = ''] = valuesOf(received[0]!, 'x-forwarded-for');
      expect(shown).toMatch(/^10\.0\.0\.1,/);
      expect(shown.split(',').at(-1)).not.toBe('10.0.0.1');
    });

    it('writes the decision’s id into the access log, of denials too, and no query', async () => {
      const allowed = await ask(storefront, { target: '/logged?secret=1' });
      const denied = await ask(storefront, { target: '/admin?secret=1' });
      // Otherwise Envoy keeps lines to itself for ten seconds.
      await app.envoy.admin('/reopen_logs', 'POST');
      const line = async (id: string) => {
        await expect.poll(() => readFileSync(app.accessLog, 'utf8'), { timeout: 15_000 }).toContain(id);
        return readFileSync(app.accessLog, 'utf8')
          .split('\n')
          .find((text) => text.includes(id))!;
      };
      const entries = [allowed, denied].map(({ decided }) => decided[0]!.id);
      expect(JSON.parse(await line(entries[0]!))).toMatchObject({
        ...{ decision: entries[0], direction: 'in', path: '/logged', peer: STOREFRONT, status: 200 },
      });
      expect(JSON.parse(await line(entries[1]!))).toMatchObject({ decision: entries[1], path: '/admin', status: 403 });
      expect(readFileSync(app.accessLog, 'utf8')).not.toContain('secret');
    });
  });
});

/** A leaf without any SAN, which our own certificate writer does not make. */
function commonNameOnly(openssl: string, name: string): ClientPem {
  const folder = mkdtempSync(join(tmpdir(), 'postern-openssl-'));
  const file = (leaf: string) => join(folder, leaf);
  try {
    writeFileSync(file('ca.pem'), encodePem('CERTIFICATE', issuer.certificate));
    writeFileSync(file('ca.key'), issuer.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    writeFileSync(file('openssl.cnf'), '[req]\ndistinguished_name = name\n[name]\n');
    execFileSync(
      openssl,
      [
        ...[
          'req',
          '-x509',
          '-config',
          file('openssl.cnf'),
          '-days',
          '1',
          '-subj',
          `/CN=${name.replaceAll('/', '\\/')}`,
        ],
        ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-keyout', file('leaf.key'), '-out', file('leaf.pem')],
        ...['-addext', 'keyUsage=critical,digitalSignature', '-addext', 'extendedKeyUsage=clientAuth'],
      ],
      { stdio: 'pipe' },
    );
    const chain = readFileSync(file('leaf.pem'), 'utf8') + readFileSync(file('ca.pem'), 'utf8');
    return { key: readFileSync(file('leaf.key'), 'utf8'), cert: chain };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
