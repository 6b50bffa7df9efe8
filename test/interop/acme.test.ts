/** ACME as real clients speak it: lego, certbot and dehydrated make accounts, get, renew and revoke certificates. */
import { execFile, execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { type CreatedAcmeKeyAnswer, type EntryAnswer, PATHS } from '@postern/api';
import type { RecordPage } from '@postern/audit';
import { startTestControlPlane, type TestControlPlane } from '@postern/cli/testing/local_control_plane';
import { verifyX509Signature } from '@postern/keys';
import { parseTrustBundle, type TrustBundle, type TrustDomain, verifyX509Svid } from '@postern/spiffe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../kit/ports.ts';
import { openTlsDoor, type TlsDoor } from '../kit/tls_door.ts';
import { describeWithTool } from '../kit/tools.ts';

const TRUST_DOMAIN = 'demo.test' as TrustDomain;
const ACME_PARENT = `spiffe://${TRUST_DOMAIN}/postern/attestor/acme`;
const NODE_PARENT = `spiffe://${TRUST_DOMAIN}/postern/agent/node`;
const MAIL = 'operator@demo.test';
const CLIENT_MS = 120_000;

type Environment = { readonly [name: string]: string };
type Renewal = { readonly suggestedWindow: { readonly start: string; readonly end: string } };

interface Ended {
  readonly code: number;
  readonly output: string;
}

interface Client {
  readonly name: string;
  /** Makes an account by the key and gets a certificate for the names. */
  get(key: CreatedAcmeKeyAnswer, names?: readonly string[]): Promise<Ended>;
  renew(key: CreatedAcmeKeyAnswer, ...more: readonly string[]): Promise<Ended>;
  revoke(key: CreatedAcmeKeyAnswer): Promise<Ended>;
  /** PEM, leaf first. */
  chain(key: CreatedAcmeKeyAnswer): string;
}

describeWithTool('ACME', ['lego', 'certbot', 'dehydrated', 'openssl'], (tools) => {
  let plane: TestControlPlane;
  let closed: TestControlPlane;
  let door: TlsDoor;
  let closedDoor: TlsDoor;
  let httpPort: number;
  let webServer: Server | undefined;
  let bundle: TrustBundle;

  beforeAll(async () => {
    httpPort = await freePort();
    door = await openTlsDoor(tools.openssl);
    const acmeNetwork = { resolve: async () => ['127.0.0.1'], httpPort };
    plane = await startTestControlPlane({ acmeNetwork, acmeUrl: door.url, acmeAllowedRanges: ['127.0.0.0/8'] });
    door.leadTo(plane.url);
    closedDoor = await openTlsDoor(tools.openssl);
    closed = await startTestControlPlane({ acmeNetwork, acmeUrl: closedDoor.url });
    closedDoor.leadTo(closed.url);
    const parsed = parseTrustBundle(await (await fetch(plane.url + PATHS.trustBundle)).text(), TRUST_DOMAIN);
    if (!parsed.ok) throw new Error(parsed.reason);
    bundle = parsed.value;
    const anchors = bundle.x509Authorities.map((der) => new X509Certificate(der).toString());
    writeFileSync(join(plane.folder, 'anchors.pem'), anchors.join(''));
  }, 60_000);
  afterAll(async () => {
    webServer?.close();
    for (const each of [plane, closed, door, closedDoor]) await each?.stop();
  });

  async function postern<T>(at: TestControlPlane, ...args: string[]): Promise<T> {
    const ended = await at.runHere([...args, '--json']);
    if (ended.code !== 0) throw new Error(ended.err);
    return JSON.parse(ended.out) as T;
  }

  let made = 0;
  /** A key for an entry of its own with these names. */
  async function createKey(
    dnsNames: readonly string[],
    parent = NODE_PARENT,
    at = plane,
  ): Promise<CreatedAcmeKeyAnswer> {
    made += 1;
    const entry = await postern<EntryAnswer>(
      at,
      ...['entry', 'create', '--spiffe-id', `spiffe://${TRUST_DOMAIN}/web-${made}`, '--parent', parent],
      ...['--selector', 'acme:account:web', ...dnsNames.flatMap((name) => ['--dns-name', name])],
    );
    return postern<CreatedAcmeKeyAnswer>(at, 'acme', 'key', 'create', '--entry', entry.id);
  }

  const run = (command: string, args: readonly string[], folder: string, more: Environment = {}): Promise<Ended> =>
    new Promise((resolve) => {
      const trust = { LEGO_CA_CERTIFICATES: door.file, REQUESTS_CA_BUNDLE: door.file, CURL_CA_BUNDLE: door.file };
      const env = { ...process.env, ...trust, ...more };
      const options = { cwd: folder, env, encoding: 'utf8', timeout: CLIENT_MS } as const;
      execFile(command, [...args], options, (fault, stdout, stderr) =>
        resolve({ code: fault === null ? 0 : Number(fault.code ?? 1), output: stdout + stderr }),
      );
    });

  /** Of one client and one key: its account, keys and certificates. */
  function folderOf(client: string, key: CreatedAcmeKeyAnswer): string {
    const folder = join(plane.folder, `${client}-${key.id}`);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  const domains = (flag: string, names: readonly string[]) => names.flatMap((name) => [flag, name]);

  const lego: Client = (() => {
    const call = (key: CreatedAcmeKeyAnswer, names: readonly string[], ...more: string[]) =>
      run(
        tools.lego,
        [
          ...['--server', key.directory, '--path', folderOf('lego', key), '--accept-tos', '--email', MAIL],
          ...['--eab', '--kid', key.id, `--hmac=${key.hmacKey}`, '--http', '--http.port', `127.0.0.1:${httpPort}`],
          ...[...domains('--domains', names), ...more],
        ],
        plane.folder,
      );
    return {
      name: 'lego',
      get: (key, names = key.dnsNames) => call(key, names, 'run'),
      renew: (key, ...more) => call(key, key.dnsNames, 'renew', '--no-random-sleep', ...more),
      revoke: (key) => call(key, key.dnsNames, 'revoke', '--keep'),
      chain: (key) => readFileSync(join(folderOf('lego', key), 'certificates', `${key.dnsNames[0]}.crt`), 'utf8'),
    };
  })();

  const certbot: Client = (() => {
    const call = (key: CreatedAcmeKeyAnswer, ...args: string[]) => {
      const folder = folderOf('certbot', key);
      const folders = ['config', 'work', 'logs'].flatMap((name) => [`--${name}-dir`, join(folder, name)]);
      return run(tools.certbot, [...args, '--non-interactive', '--server', key.directory, ...folders], folder);
    };
    const standalone = () => ['--standalone', '--http-01-address', '127.0.0.1', '--http-01-port', String(httpPort)];
    const certificate = (key: CreatedAcmeKeyAnswer) =>
      join(folderOf('certbot', key), 'config', 'live', key.dnsNames[0] as string, 'fullchain.pem');
    return {
      name: 'certbot',
      get: (key, names = key.dnsNames) =>
        call(
          key,
          ...['certonly', ...standalone(), '--eab-kid', key.id, `--eab-hmac-key=${key.hmacKey}`],
          ...['--agree-tos', '-m', MAIL, ...domains('-d', names)],
        ),
      renew: (key) => call(key, 'renew', '--force-renewal', '--no-random-sleep-on-renew'),
      revoke: (key) =>
        call(key, 'revoke', '--cert-path', certificate(key), '--reason', 'superseded', '--no-delete-after-revoke'),
      chain: (key) => readFileSync(certificate(key), 'utf8'),
    };
  })();

  const dehydrated: Client = (() => {
    const call = async (key: CreatedAcmeKeyAnswer, ...args: string[]) => {
      const folder = folderOf('dehydrated', key);
      const webRoot = join(folder, 'well-known');
      mkdirSync(webRoot, { recursive: true });
      const settings = {
        ...{ CA: key.directory, BASEDIR: folder, WELLKNOWN: webRoot, CONTACT_EMAIL: MAIL },
        ...{ EAB_KID: key.id, EAB_HMAC_KEY: key.hmacKey },
      };
      const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"`);
      writeFileSync(join(folder, 'config'), `${lines.join('\n')}\n`);
      const server = await serveFolder(webRoot);
      try {
        return await run(tools.dehydrated, [...args, '--config', join(folder, 'config')], folder);
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    };
    const certificate = (key: CreatedAcmeKeyAnswer) =>
      join(folderOf('dehydrated', key), 'certs', key.dnsNames[0] as string, 'fullchain.pem');
    return {
      name: 'dehydrated',
      async get(key, names = key.dnsNames) {
        const registered = await call(key, '--register', '--accept-terms');
        if (registered.code !== 0) return registered;
        return call(key, '--cron', '--domain', names.join(' '));
      },
      renew: (key) => call(key, '--cron', '--force', '--domain', key.dnsNames.join(' ')),
      revoke: (key) => call(key, '--revoke', certificate(key).replace('fullchain', 'cert')),
      chain: (key) => readFileSync(certificate(key), 'utf8'),
    };
  })();

  /** What the web server of a name does for `dehydrated`, which writes files. */
  async function serveFolder(folder: string): Promise<Server> {
    const server = createServer((request, response) => {
      const [, token = ''] = /^\/\.well-known\/acme-challenge\/([\w-]+)$/.exec(request.url ?? '') ?? [];
      try {
        response.end(readFileSync(join(folder, token)));
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(httpPort, '127.0.0.1', resolve));
    webServer = server;
    return server;
  }

  const pemsOf = (chain: string) => chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const leafOf = (chain: string) => new X509Certificate(pemsOf(chain)[0] as string);
  const dersOf = (chain: string) => pemsOf(chain).map((pem) => new Uint8Array(new X509Certificate(pem).raw));

  function expectVerified(chain: string, name: string): void {
    const file = join(plane.folder, 'leaf.pem');
    const between = join(plane.folder, 'between.pem');
    const [leaf, ...above] = pemsOf(chain);
    writeFileSync(file, `${leaf}\n`);
    writeFileSync(between, `${above.join('\n')}\n`);
    const rules = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', name];
    const args = [...rules, '-CAfile', join(plane.folder, 'anchors.pem'), '-untrusted', between, file];
    expect(execFileSync(tools.openssl, args, { encoding: 'utf8' })).toContain(': OK');
  }

  const asSvid = (chain: string) =>
    verifyX509Svid({
      chain: dersOf(chain),
      bundles: new Map([[TRUST_DOMAIN, bundle]]),
      nowMs: Date.now(),
      verifySignature: verifyX509Signature,
    });

  const serialOf = (chain: string) => leafOf(chain).serialNumber.toLowerCase();
  const revoked = async () =>
    (await postern<{ revocations: { subject: string; reason: string }[] }>(plane, 'revoke', '--list')).revocations;

  describe.each([lego, certbot, dehydrated].map((client) => [client.name, client] as const))('%s', (_, client) => {
    let key: CreatedAcmeKeyAnswer;
    beforeAll(async () => {
      key = await createKey([`${client.name}.demo.test`, `www-${client.name}.demo.test`]);
    });

    it(
      'makes an account, shows the names and gets a certificate that OpenSSL verifies by the trust anchors',
      async () => {
        const ended = await client.get(key);
        expect(ended.code, ended.output).toBe(0);
        const chain = client.chain(key);
        for (const name of key.dnsNames) expectVerified(chain, name);
        expect(leafOf(chain).subjectAltName).toBe(key.dnsNames.map((name) => `DNS:${name}`).join(', '));
        expect(asSvid(chain)).toMatchObject({ ok: false, reason: 'svid-uri-count' });
      },
      CLIENT_MS,
    );

    it(
      'renews it',
      async () => {
        const before = serialOf(client.chain(key));
        const ended = await client.renew(key);
        expect(ended.code, ended.output).toBe(0);
        expect(serialOf(client.chain(key))).not.toBe(before);
        expectVerified(client.chain(key), key.dnsNames[0] as string);
      },
      CLIENT_MS,
    );

    it(
      'takes it back, and decision points are told',
      async () => {
        const subject = `svid:${serialOf(client.chain(key))}`;
        expect((await revoked()).map((it) => it.subject)).not.toContain(subject);
        const ended = await client.revoke(key);
        expect(ended.code, ended.output).toBe(0);
        expect((await revoked()).map((it) => it.subject)).toContain(subject);
      },
      CLIENT_MS,
    );

    it(
      'is refused a name that its entry does not grant',
      async () => {
        const other = await createKey([`granted-${client.name}.demo.test`]);
        const ended = await client.get(other, ['elsewhere.demo.test']);
        expect(ended.code).not.toBe(0);
        expect(ended.output).toMatch(/rejectedIdentifier|does not grant this name/);
      },
      CLIENT_MS,
    );
  });

  it(
    'certificates are SVIDs where the entry’s parent says that ACME is how its workload is known, and else never',
    async () => {
      const key = await createKey(['svid.demo.test'], ACME_PARENT);
      const ended = await lego.get(key);
      expect(ended.code, ended.output).toBe(0);
      const chain = lego.chain(key);
      expectVerified(chain, 'svid.demo.test');
      expect(asSvid(chain)).toMatchObject({ ok: true, value: { spiffeId: { uri: key.spiffeId } } });
    },
    CLIENT_MS,
  );

  it(
    'lego asks when to renew, is told a moment of the second quarter, and after a revocation that it is due',
    async () => {
      const key = await createKey(['ari.demo.test']);
      expect((await lego.get(key)).code).toBe(0);
      const leaf = leafOf(lego.chain(key));
      const beginMs = leaf.validFromDate.getTime();
      const lifeMs = leaf.validToDate.getTime() - beginMs;
      const id = certificateIdOf(lego.chain(key));
      const ask = async () => {
        const answer = await fetch(`${plane.url}${PATHS.acme.renewal(id)}`);
        return { retry: Number(answer.headers.get('retry-after')), body: (await answer.json()) as Renewal };
      };
      const before = await ask();
      expect(before.retry).toBeGreaterThanOrEqual(60);
      const { start, end } = before.body.suggestedWindow;
      expect(Date.parse(start) - beginMs).toBe(lifeMs / 4);
      expect(Date.parse(end) - beginMs).toBe(lifeMs / 2);
      // By its own rule it is due after half its life: before, the server’s word alone makes it.
      const early = await lego.renew(key, '--dynamic');
      expect(early.output).toMatch(/renewalInfo/i);
      expect(serialOf(lego.chain(key)), early.output).toBe(leaf.serialNumber.toLowerCase());
      expect((await lego.revoke(key)).code).toBe(0);
      expect(Date.parse((await ask()).body.suggestedWindow.end)).toBeLessThan(Date.now());
      const due = await lego.renew(key, '--dynamic');
      expect(due.code, due.output).toBe(0);
      expect(serialOf(lego.chain(key)), due.output).not.toBe(leaf.serialNumber.toLowerCase());
    },
    CLIENT_MS,
  );

  it(
    'no challenge is fetched from a private address that is not allowed',
    async () => {
      const key = await createKey(['inside.demo.test'], NODE_PARENT, closed);
      let calls = 0;
      const inside = createServer((_, response) => {
        calls += 1;
        response.end();
      });
      await new Promise<void>((resolve) => inside.listen(httpPort, '127.0.0.1', resolve));
      const webRoot = join(folderOf('lego', key), 'web');
      mkdirSync(webRoot, { recursive: true });
      const args = ['--server', key.directory, '--path', folderOf('lego', key), '--accept-tos', '--email', MAIL];
      const eab = ['--eab', '--kid', key.id, `--hmac=${key.hmacKey}`];
      const environment = { LEGO_CA_CERTIFICATES: closedDoor.file };
      const ended = await run(
        tools.lego,
        [...args, ...eab, '--http', '--http.webroot', webRoot, '--domains', 'inside.demo.test', 'run'],
        plane.folder,
        environment,
      );
      await new Promise((resolve) => inside.close(resolve));
      expect(ended.code).not.toBe(0);
      expect(ended.output).toContain('leads to an address that this server does not fetch from');
      expect(calls).toBe(0);
      const challenges = await postern<RecordPage>(closed, 'audit', 'list', '--kind', 'acme-challenge');
      expect(challenges.records).toMatchObject([{ event: 'invalid', reason: 'challenge-address' }]);
    },
    CLIENT_MS,
  );

  it(
    'with a deleted key nothing more is issued, and no account is made',
    async () => {
      const key = await createKey(['deleted.demo.test']);
      expect((await lego.get(key)).code).toBe(0);
      await postern(plane, 'acme', 'key', 'delete', key.id);
      const renewed = await lego.renew(key);
      expect(renewed.code).not.toBe(0);
      expect(renewed.output).toContain('unauthorized');
      const another = await createKey(['deleted.demo.test']);
      await postern(plane, 'acme', 'key', 'delete', another.id);
      const ended = await certbot.get(another);
      expect(ended.code).not.toBe(0);
      expect(ended.output).toContain('external account binding');
    },
    CLIENT_MS,
  );

  it(
    'leaves records of the account, the order, the challenge and the certificate, each with whose it is',
    async () => {
      const key = await createKey(['records.demo.test']);
      expect((await lego.get(key)).code).toBe(0);
      const list = async (kind: string) =>
        (await postern<{ records: Record<string, unknown>[] }>(plane, 'audit', 'list', '--kind', kind)).records;
      const [account] = (await list('acme-account')).filter((it) => it['keyId'] === key.id);
      expect(account).toMatchObject({ event: 'created', entryId: key.entryId });
      const accountId = account?.['accountId'];
      const names = { dnsNames: ['records.demo.test'], accountId };
      expect(await list('acme-order')).toContainEqual(expect.objectContaining({ event: 'created', ...names }));
      expect(await list('acme-challenge')).toContainEqual(expect.objectContaining({ event: 'valid', ...names }));
      expect(await list('issuance-complete')).toContainEqual(
        expect.objectContaining({
          ...{ serial: serialOf(lego.chain(key)), spiffeId: key.spiffeId, isServer: true, entryId: key.entryId },
          ...{ requester: `acme-key:${key.id}`, dnsNames: ['records.demo.test'] },
        }),
      );
    },
    CLIENT_MS,
  );

  /** RFC 9773 4.1, of what OpenSSL reads in it. */
  function certificateIdOf(chain: string): string {
    const file = join(plane.folder, 'ari.pem');
    writeFileSync(file, pemsOf(chain)[0] as string);
    const text = execFileSync(tools.openssl, ['x509', '-in', file, '-noout', '-text', '-serial'], { encoding: 'utf8' });
    const keyId = /Authority Key Identifier:\s+(?:keyid:)?([0-9A-F:]+)/.exec(text)?.[1]?.replaceAll(':', '') ?? '';
    const serial = /serial=([0-9A-F]+)/.exec(text)?.[1] ?? '';
    return [keyId, serial].map((hex) => Buffer.from(hex, 'hex').toString('base64url')).join('.');
  }
});
