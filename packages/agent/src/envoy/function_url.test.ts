/** The deployed `authorize` asked by the real Envoy: what its function URL gets, whose word that is, and what gets through. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@postern/der';
import { createTestAuthority } from '@postern/identity/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import { CHECK_PATH } from '../ext_authz/index.ts';
import { leafOf, root, STOREFRONT, storefront, tokenOf } from '../ext_authz/testing/world.ts';
import {
  type FunctionUrlCall,
  type FunctionUrlOptions,
  type FunctionUrlServer,
  startFunctionUrl,
  TEST_CREDENTIALS,
  TEST_REGION,
  verifySignature,
} from '../testing/index.ts';
import { type AuthzTarget, renderEnvoyConfig } from './index.ts';
import { askHttp2 } from './testing/ask_http2.ts';
import { type AuthorizeFunction, createAuthorizeFunction } from './testing/authorize_function.ts';
import { type ProxiedApp, type ProxiedAppOptions, pemOf, startProxiedApp } from './testing/proxied_app.ts';
import type { RawRequest } from './testing/raw_request.ts';

const START_TIMEOUT_MS = 30_000;
const NAME = 'abc123.lambda-url.eu-central-1.on.aws';
const ALICE = tokenOf();
const bearer = (token = ALICE): readonly [string, string] => ['authorization', `Bearer ${token}`];

/** Where Envoy looks first; nothing else of this machine may answer in its place. */
function showCredentials(credentials: Partial<typeof TEST_CREDENTIALS>): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', credentials.sessionToken);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
}

const stopping: (() => unknown)[] = [];
const stopAll = async () => {
  for (const stop of stopping.splice(0).reverse()) await stop();
};

async function startServer(options: FunctionUrlOptions): Promise<FunctionUrlServer> {
  const server = await startFunctionUrl(options);
  stopping.push(() => server.stop());
  return server;
}

async function startProxy(authz: AuthzTarget, options: Partial<ProxiedAppOptions> = {}): Promise<ProxiedApp> {
  const app = await startProxiedApp({
    flavour: 'http',
    ...options,
    input: { requireClientCertificate: false, authz, ...options.input },
  });
  stopping.push(() => app.stop());
  return app;
}

const targetOf = (server: FunctionUrlServer): AuthzTarget => ({
  kind: 'function-url',
  url: server.url,
  region: TEST_REGION,
});

describeWithTool('a function URL asked by the real Envoy', ['envoy'], ({ envoy }) => {
  describe('as long as it answers', () => {
    let authorize: AuthorizeFunction;
    let server: FunctionUrlServer;
    let app: ProxiedApp;
    beforeAll(async () => {
      showCredentials(TEST_CREDENTIALS);
      authorize = createAuthorizeFunction();
      server = await startServer({ answer: authorize.answer });
      app = await startProxy(targetOf(server));
    }, START_TIMEOUT_MS);
    afterAll(async () => {
      await stopAll();
      vi.unstubAllEnvs();
    }, START_TIMEOUT_MS);

    /** Asks, and tells what the function was asked, what it decided, and what the application got. */
    async function ask(leaf: Parameters<ProxiedApp['ask']>[0], request: RawRequest, protocol: 1 | 2 = 1) {
      const before = [server.calls.length, authorize.kept.length, app.received.length] as const;
      const client = leaf === undefined ? undefined : 'cert' in leaf ? leaf : pemOf(leaf);
      const answer = await (protocol === 1 ? app.ask(leaf, request) : askHttp2(app.port, client, request));
      return {
        answer,
        calls: server.calls.slice(before[0]),
        decided: authorize.kept.slice(before[1]),
        received: app.received.slice(before[2]),
      };
    }

    it('is asked at one path by the proxy’s role, with the client’s request and credential as facts', async () => {
      const request = { method: 'POST', target: '/x?y=%2F&z', headers: [bearer()], body: 'secret=1' };
      const { answer, calls, decided, received } = await ask(storefront, request);
      expect(answer).toMatchObject({ status: 200, body: 'from the application' });
      expect(server.refusals).toEqual([]);
      expect(calls).toHaveLength(1);
      const { method, target, headers, body } = calls[0]!;
      expect({ method, target, bytes: body.length }).toEqual({ method: 'POST', target: CHECK_PATH, bytes: 0 });
      expect(Object.fromEntries(headers)).toMatchObject({
        host: `127.0.0.1:${server.port}`,
        'x-postern-service': 'app',
        'x-postern-method': 'POST',
        'x-postern-target': '/x?y=%2F&z',
        'x-postern-authority': 'app.demo.test',
        'x-postern-scheme': 'https',
        'x-postern-peer-uri': STOREFRONT,
        'x-postern-source-address': '127.0.0.1',
        'x-postern-authorization': bearer()[1],
        'x-amz-security-token': TEST_CREDENTIALS.sessionToken,
      });
      expect(decided).toMatchObject([
        { outcome: 'allow', workload: { spiffeId: STOREFRONT }, user: { subject: 'alice' }, assurance: 'certificate' },
      ]);
      const names = new Map(received[0]!.headers);
      expect(names.get('x-postern-user')).toBe('https://idp.demo.test#alice');
      expect(names.get('x-postern-decision-id')).toBe(decided[0]!.id);
      expect([...names.keys()].filter((name) => name === 'authorization' || name.startsWith('x-amz-'))).toEqual([]);
    });

    it('X26: gets every fact under the signature, which no changed call fits', async () => {
      const { calls } = await ask(storefront, { target: '/x', headers: [bearer()] });
      const call = calls[0]!;
      const facts = [...call.headers.keys()].filter((name) => name.startsWith('x-postern-'));
      expect(facts).toHaveLength(10);
      expect(call.signedHeaders).toEqual(expect.arrayContaining([...facts, 'host', 'x-amz-content-sha256']));
      const verify = (change: Partial<FunctionUrlCall>) =>
        verifySignature(
          { ...call, ...change },
          { credentials: TEST_CREDENTIALS, region: TEST_REGION, service: 'lambda', nowMs: Date.now() },
        );
      expect(verify({})).toMatchObject({ ok: true });
      const wrong = { ok: false, reason: 'signature-wrong' };
      for (const name of call.signedHeaders) {
        const headers = new Map([...call.headers, [name, `${call.headers.get(name)}x`]]);
        expect(verify({ headers }).ok, name).toBe(false);
      }
      for (const name of facts) {
        const headers = new Map([...call.headers, [name, `${call.headers.get(name)}x`]]);
        expect(verify({ headers }), name).toMatchObject(wrong);
      }
      expect(verify({ target: '/public' })).toMatchObject(wrong);
      expect(verify({ target: `${CHECK_PATH}?x` })).toMatchObject(wrong);
      expect(verify({ method: 'POST' })).toMatchObject(wrong);
      expect(verify({ body: Buffer.from('x') })).toMatchObject({ ok: false, reason: 'payload-changed' });
    });

    it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
      'is asked about %s as about any method, and never with what makes it a preflight of its own',
      async (method) => {
        const headers = [
          ['origin', 'https://evil.test'],
          ['access-control-request-method', 'DELETE'],
        ] as const;
        const { calls, decided, received } = await ask(storefront, { method, target: '/x', headers });
        expect(calls).toMatchObject([{ method, target: CHECK_PATH }]);
        expect([...calls[0]!.headers.keys()]).not.toEqual(expect.arrayContaining(['origin']));
        expect(calls[0]!.headers.get('x-postern-method')).toBe(method);
        expect(decided).toHaveLength(1);
        expect(received).toHaveLength(['GET', 'HEAD', 'POST', 'PUT'].includes(method) ? 1 : 0);
      },
    );

    it('X5: refuses two credentials instead of choosing one, and knows a bad one from none', async () => {
      for (const protocol of [1, 2] as const) {
        const headers = [bearer(), bearer(tokenOf('mallory'))];
        const { answer, decided, received } = await ask(storefront, { target: '/x', headers }, protocol);
        expect(answer.status).toBe(403);
        expect(decided).toMatchObject([{ outcome: 'deny', reason: 'credential-ambiguous' }]);
        expect(received).toEqual([]);
      }
      const bad = await ask(storefront, { target: '/x', headers: [bearer('x.y.z')] });
      expect(bad.answer.status).toBe(401);
      const none = await ask(storefront, { target: '/x' });
      expect(none.calls[0]!.headers.has('x-postern-authorization')).toBe(false);
      expect(none.answer.status).toBe(200);
      expect(bad.received).toEqual([]);
    });

    describe.each([1, 2] as const)('X25: a client of HTTP/%i speaks in nobody’s name', (protocol) => {
      const FACTS: readonly (readonly [string, string])[] = [
        ['x-postern-service', 'other'],
        ['x-postern-method', 'OPTIONS'],
        ['x-postern-target', '/public'],
        ['x-postern-authority', 'other.demo.test'],
        ['x-postern-scheme', 'http'],
        ['x-postern-peer-certificate', encodeURIComponent(encodePem('CERTIFICATE', storefront.certificate))],
        ['x-postern-peer-uri', STOREFRONT],
        ['x-postern-source-address', '10.0.0.1'],
        ['x-postern-request-id', 'forged'],
        ['x-postern-authorization', bearer()[1]],
      ];
      const IDENTITIES: readonly (readonly [string, string])[] = [
        ['x-postern-user', 'admin'],
        ['x-postern-user-groups', 'admins'],
        ['x-postern-workload', STOREFRONT],
        ['x-postern-decision-id', 'forged'],
        ['x-postern-unheard-of', 'forged'],
        ['postern-decision-id', 'forged'],
      ];
      const forged = [...FACTS, ...IDENTITIES];
      const spellings: readonly [string, readonly (readonly [string, string])[]][] = [
        ['once', forged],
        ['in capitals', forged.map(([name, value]) => [name.toUpperCase(), value])],
        ['twice', [...forged, ...forged]],
        ['empty, and then not', [...forged.map(([name]) => [name, ''] as const), ...forged]],
      ];

      /** What a call says when nobody forges anything. */
      async function honest(leaf: typeof storefront | undefined) {
        const { calls } = await ask(leaf, { target: '/x' }, protocol);
        return factsOf(calls[0]!);
      }
      const factsOf = ({ headers }: FunctionUrlCall) =>
        [...headers]
          .filter(([name]) => name.includes('postern'))
          .map(([name, value]) => [name, name === 'x-postern-request-id' ? value.length : value]);

      it.each(spellings)('its copies %s: with no certificate', async (_, headers) => {
        const { answer, calls, decided, received } = await ask(undefined, { target: '/x', headers }, protocol);
        expect(answer.status).toBe(403);
        expect(factsOf(calls[0]!)).toEqual(await honest(undefined));
        expect(calls[0]!.headers.has('x-postern-peer-certificate')).toBe(false);
        expect(decided[0]).not.toHaveProperty('workload');
        expect(received).toEqual([]);
        const open = await ask(undefined, { target: '/public', headers }, protocol);
        expect(open.answer.status).toBe(200);
        const shown = open.received[0]!.headers.filter(([name]) => name.includes('postern'));
        expect(shown).toEqual([['x-postern-decision-id', open.decided[0]!.id]]);
      });

      it.each(spellings)('its copies %s: with a certificate of its own', async (_, headers) => {
        const other = leafOf({ uris: ['spiffe://demo.test/other'] });
        const refused = await ask(other, { target: '/x', headers }, protocol);
        expect(refused.answer.status).toBe(403);
        expect(refused.decided).toMatchObject([{ workload: { spiffeId: 'spiffe://demo.test/other' } }]);
        expect(refused.received).toEqual([]);
        const { calls, received, decided } = await ask(storefront, { target: '/x', headers }, protocol);
        expect(factsOf(calls[0]!)).toEqual(await honest(storefront));
        const shown = received[0]!.headers.filter(([name]) => name.includes('postern'));
        expect(Object.fromEntries(shown)).toEqual({
          'x-postern-decision-id': decided[0]!.id,
          'x-postern-workload': STOREFRONT,
        });
        expect(shown).toHaveLength(2);
      });

      it('what a CGI-like application would read as ours is refused before anybody is asked', async () => {
        for (const name of ['x_postern_user', 'x-postern_user', 'X_POSTERN_PEER_URI']) {
          const { answer, calls, received } = await ask(storefront, { target: '/x', headers: [[name, 'a']] }, protocol);
          expect([400, 0], name).toContain(answer.status);
          expect([...calls, ...received], name).toEqual([]);
        }
      });
    });

    it('lets no client use an identity of the platform in the proxy’s place', async () => {
      const headers = [
        ['authorization', `AWS4-HMAC-SHA256 Credential=${TEST_CREDENTIALS.accessKeyId}/20260101/x/lambda/aws4_request`],
        ['x-amz-date', '20260101T000000Z'],
        ['x-amz-security-token', 'theirs'],
        ['x-amz-content-sha256', 'theirs'],
        ['x-amzn-trace-id', 'theirs'],
      ] as const;
      const { answer, calls, received } = await ask(storefront, { target: '/x', headers });
      expect(answer.status).toBe(401);
      expect(calls[0]!.headers.get('x-amz-security-token')).toBe(TEST_CREDENTIALS.sessionToken);
      expect(calls[0]!.headers.has('x-amzn-trace-id')).toBe(false);
      expect(received).toEqual([]);
    });

    it('gets the target as the application will, after Envoy’s own normalisation', async () => {
      const targets = [
        ['/a/%2e%2e/admin?x=%2F&y=1', '/admin?x=%2F&y=1'],
        ['//b/../c?x=%2F&y=..//', '/c?x=%2F&y=..//'],
        ['/b;v=1/c?x=%2F&&y=1&z', '/b;v=1/c?x=%2F&&y=1&z'],
        ['/b/%C3%A4?q=%zz&%', '/b/%C3%A4?q=%zz&%'],
        ['/?', '/?'],
      ] as const;
      for (const [sent, asked] of targets) {
        const { calls } = await ask(storefront, { target: sent });
        expect(calls[0]!.headers.get('x-postern-target'), sent).toBe(asked);
        expect(calls[0]!.target).toBe(CHECK_PATH);
      }
    });

    it('is small enough for a front door: what we add to a check', async () => {
      const { calls } = await ask(storefront, { target: '/x' });
      const size = (wanted: (name: string) => boolean) =>
        [...calls[0]!.headers]
          .filter(([name]) => wanted(name))
          .reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
      const certificate = size((name) => name === 'x-postern-peer-certificate');
      expect(certificate).toBeLessThan(2048);
      expect(size((name) => name.startsWith('x-postern-')) - certificate).toBeLessThan(512);
      expect(size(() => true)).toBeLessThan(4096);
    });
  });

  describe('when something is wrong', () => {
    beforeEach(() => showCredentials(TEST_CREDENTIALS));
    afterEach(async () => {
      await stopAll();
      vi.unstubAllEnvs();
    }, START_TIMEOUT_MS);

    it('gets the target byte for byte through an Envoy that does not normalise', async () => {
      const authorize = createAuthorizeFunction();
      const server = await startServer({ answer: authorize.answer });
      const edit = (config: string) =>
        config
          .replace('"normalize_path":true', '"normalize_path":false')
          .replace('"merge_slashes":true', '"merge_slashes":false')
          .replace('"REJECT_REQUEST","forward', '"KEEP_UNCHANGED","forward');
      const app = await startProxy(targetOf(server), { edit });
      const targets = ['/a/%2e%2e/admin?x=%2F&y=1', '//b/../c%2Fd', '/a/../admin', '/%61dmin', '/..;/admin', '/a%00b'];
      for (const target of targets) expect((await app.ask(storefront, { target })).status, target).toBe(403);
      expect(server.calls.map(({ headers }) => headers.get('x-postern-target'))).toEqual(targets);
      expect(new Set(server.calls.map(({ target }) => target))).toEqual(new Set([CHECK_PATH]));
      expect(app.received).toEqual([]);
    });

    it('is found by its name', async () => {
      const authorize = createAuthorizeFunction();
      const server = await startServer({ answer: authorize.answer });
      const app = await startProxy({
        kind: 'function-url',
        url: `http://localhost:${server.port}`,
        region: TEST_REGION,
      });
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(200);
      expect(server.calls[0]!.headers.get('host')).toBe(`localhost:${server.port}`);
    });

    it('waits as long as a function takes to start, and not for ever', async () => {
      let isSilent = false;
      const authorize = createAuthorizeFunction();
      const server = await startServer({
        async answer(call) {
          if (isSilent) return undefined;
          await new Promise((resolve) => setTimeout(resolve, 3_000));
          return authorize.answer(call);
        },
      });
      const app = await startProxy(targetOf(server));
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(200);
      isSilent = true;
      const startMs = performance.now();
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(503);
      const tookMs = performance.now() - startMs;
      expect(tookMs).toBeGreaterThan(4_000);
      expect(tookMs).toBeLessThan(8_000);
      expect(app.received).toHaveLength(1);
    });

    it('X22: lets through what was allowed by 200, and nothing else that a function could answer', async () => {
      let status = 200;
      const server = await startServer({
        answer: () => ({ status, headers: { location: 'https://evil.test/', 'x-postern-user': 'alice' } }),
      });
      const app = await startProxy(targetOf(server));
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(200);
      for (status of [201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 413, 429]) {
        const answer = await app.ask(storefront, { target: '/x' });
        expect(answer, `${status}`).toMatchObject({ status });
        expect(answer.body).not.toContain('from the application');
      }
      for (status of [500, 502, 503, 504]) expect((await app.ask(storefront, { target: '/x' })).status).toBe(503);
      expect(app.received).toHaveLength(1);
    });

    it('answers 503 while nobody listens', async () => {
      const server = await startServer({ answer: () => ({ status: 200 }) });
      const app = await startProxy(targetOf(server));
      await server.stop();
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(503);
      expect(app.received).toEqual([]);
    });

    it('denies by the platform’s word when the proxy has no credentials, and shows it nothing of the client’s', async () => {
      showCredentials({});
      const server = await startServer({ answer: () => ({ status: 200 }) });
      const app = await startProxy(targetOf(server));
      const answer = await app.ask(storefront, { target: '/x', headers: [bearer()] });
      expect(answer).toMatchObject({ status: 403, body: '{"Message":"Forbidden"}' });
      // Not the client's credential in the place of a signature.
      expect(server.refusals).toEqual(['unsigned']);
      expect(app.received).toEqual([]);
    });

    it('denies when the role is another than the one that the platform lets in', async () => {
      showCredentials({ ...TEST_CREDENTIALS, secretAccessKey: 'another' } as never);
      const server = await startServer({ answer: () => ({ status: 200 }) });
      const app = await startProxy(targetOf(server));
      expect((await app.ask(storefront, { target: '/x' })).status).toBe(403);
      expect(server.refusals).toEqual(['signature-wrong']);
      expect(app.received).toEqual([]);
    });

    describe('over TLS', () => {
      const folder = mkdtempSync(join(tmpdir(), 'postern-ca-'));
      const trustedCaFile = join(folder, 'ca.pem');
      writeFileSync(trustedCaFile, encodePem('CERTIFICATE', root.certificate));
      afterAll(() => rmSync(folder, { recursive: true, force: true }));

      async function askOver(
        dnsNames: readonly string[],
        change: Partial<Extract<AuthzTarget, { kind: 'function-url' }>> = {},
      ) {
        const authorize = createAuthorizeFunction();
        const server = await startServer({ answer: authorize.answer, tls: pemOf(leafOf({ uris: [], dnsNames })) });
        const url = `https://${NAME}:${server.port}/`;
        const address = { address: '127.0.0.1', port: server.port };
        const target = { kind: 'function-url', url, region: TEST_REGION, address, trustedCaFile, ...change } as const;
        const app = await startProxy(target);
        const { status } = await app.ask(storefront, { target: '/x' });
        return { status, server, app };
      }

      it('believes the certificate of the platform, which names all function URLs of a Region', async () => {
        const { status, server } = await askOver(['*.lambda-url.eu-central-1.on.aws']);
        expect(status).toBe(200);
        expect(server.calls[0]!.headers.get('host')).toBe(`${NAME}:${server.port}`);
      });

      it.each([
        ['another Region', '*.lambda-url.us-east-1.on.aws'],
        ['another name', 'evil.test'],
        ['a name that it ends with', `evil-${NAME}`],
        ['everything', '*.on.aws'],
      ])('tells nothing to a server whose certificate names %s', async (_, name) => {
        const { status, server, app } = await askOver([name]);
        expect(status).toBe(503);
        expect(server.calls).toEqual([]);
        expect(app.received).toEqual([]);
      });

      it('tells nothing to a server whose authority is not among the trusted', async () => {
        const other = createTestAuthority({ trustDomain: 'demo.test', nowMs: Date.now() });
        const otherFile = join(folder, 'other.pem');
        writeFileSync(otherFile, encodePem('CERTIFICATE', other.certificate));
        const { status, server } = await askOver([NAME], { trustedCaFile: otherFile });
        expect(status).toBe(503);
        expect(server.calls).toEqual([]);
      });

      it('is configured, as deployed, by what Envoy takes', () => {
        const authz = { kind: 'function-url', url: `https://${NAME}/`, region: TEST_REGION, trustedCaFile } as const;
        const config = renderEnvoyConfig({
          service: 'app',
          trustDomain: 'demo.test',
          spiffeId: 'spiffe://demo.test/app',
          listen: { address: '0.0.0.0', port: 8443 },
          upstreamApp: { address: '127.0.0.1', port: 8080 },
          agentSocket: '/run/postern/workload-api.sock',
          authz,
        });
        const file = join(folder, 'envoy.json');
        writeFileSync(file, JSON.stringify(config));
        const told = execFileSync(envoy, ['--mode', 'validate', '--config-path', file], { stdio: 'pipe' });
        expect(String(told)).toContain('OK');
      });
    });
  });
});
