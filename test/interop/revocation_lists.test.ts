/** What other people's programs make of our revocation lists, and of the form that we do not use: docs/decisions/0017. */
import { execFile } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type EntryAnswer, PATHS } from '@postern/api';
import { createRevocationList, type ListedRevocation } from '@postern/ca/revocation-list';
import { encodePem, parsePem } from '@postern/der';
import { type Holder, issueWorkload, joinAgent } from '@postern/functions/testing/agents';
import { startWorld, TRUST_DOMAIN, type World } from '@postern/functions/testing/world';
import { createSoftwareSigner, generatePrivateKey } from '@postern/keys';
import { parseCertificate } from '@postern/spiffe';
import { createManualClock } from '@postern/store/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../kit/envoy.ts';
import { describeWithTool } from '../kit/tools.ts';
import { createListedLeaf, type ListedLeaf } from './indirect_lists.ts';

const run = promisify(execFile);

interface ClientPem {
  readonly cert: string;
  readonly key: string;
}

/** What `crl-peer` prints. */
interface GoVerdict {
  readonly number: string;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly entries: readonly { readonly serial: string; readonly reasonCode: number }[];
  readonly signature: string;
}

describeWithTool('a revocation list', ['crl-peer', 'envoy', 'pkilint', 'zlint', 'openssl'], (tools) => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-lists-'));
  let world: World;
  let [good, bad]: (Holder | undefined)[] = [];
  /** Of the next partition. */
  let [farGood, farBad]: (Holder | undefined)[] = [];
  let [list, farList]: Uint8Array[] = [];
  beforeAll(async () => {
    world = await startWorld({ clock: createManualClock(Date.now()) });
    const agent = await joinAgent(world, 'node-1');
    const spiffeId = `spiffe://${TRUST_DOMAIN}/a`;
    const entry = { spiffeId, parentId: agent.spiffeId, selectors: ['unix:uid:1'], profile: 'long-lived' };
    const { id } = (await (await world.admin('POST', PATHS.admin.entries, entry)).json()) as EntryAnswer;
    [good, bad] = [await issueWorkload(world, agent, id), await issueWorkload(world, agent, id)];
    const issuerKeyId = certificateOf(good.chain[1]).subjectKeyId as string;
    // As if the partition were full.
    await world.table.update({ pk: 'list-count', sk: issuerKeyId, add: { count: 998 } });
    [farGood, farBad] = [await issueWorkload(world, agent, id), await issueWorkload(world, agent, id)];
    for (const { serial } of [bad, farBad]) {
      const revocation = { subject: `svid:${serial}`, reason: 'test', reasonCode: 'key-compromise' };
      await world.admin('POST', PATHS.admin.revocations, revocation);
    }
    const fetchList = async (number: string) =>
      new Uint8Array(await (await fetch(world.url + PATHS.revocationList(issuerKeyId, number))).arrayBuffer());
    [list, farList] = [await fetchList('0'), await fetchList('1')];
  });
  afterAll(async () => {
    await world?.remove();
    rmSync(dir, { recursive: true });
  });

  function certificateOf(der: Uint8Array | undefined) {
    const parsed = parseCertificate(der as Uint8Array);
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.value;
  }

  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  const derOf = (path: string, label: string) => {
    const parsed = parsePem(readFileSync(path, 'utf8'), label, { maxBytes: 65_536 });
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.value[0] as Uint8Array;
  };
  const askGo = async (crl: Uint8Array, issuer: Uint8Array) => {
    const { stdout } = await run(tools['crl-peer'], [write('go.crl', crl), write('go.der', issuer)]);
    return JSON.parse(stdout) as GoVerdict;
  };

  test('is read and verified by Go, and is nobody else’s', async () => {
    const [, issuer, root] = [...(good?.chain ?? []), await world.objects.get('authority/root.der')];
    const said = await askGo(list as Uint8Array, issuer as Uint8Array);
    expect(said).toMatchObject({ signature: '', entries: [{ serial: bad?.serial, reasonCode: 1 }] });
    expect(said.thisUpdateMs).toBeLessThanOrEqual(world.clock.nowMs());
    expect(said.nextUpdateMs).toBeGreaterThan(world.clock.nowMs() + 23 * 3_600_000);
    expect((await askGo(list as Uint8Array, root as Uint8Array)).signature).not.toBe('');
    const changed = Uint8Array.from(list as Uint8Array);
    changed[changed.length - 3] = (changed.at(-3) as number) ^ 1;
    expect((await askGo(changed, issuer as Uint8Array)).signature).not.toBe('');
  });

  describe('to linters', () => {
    const signer = createSoftwareSigner(generatePrivateKey('ES256'), 'ES256');
    const revoked = (serial: string): ListedRevocation => ({ serial, revokedAtMs: Date.now() - 60_000 });

    async function zlint(der: Uint8Array): Promise<readonly string[]> {
      const { stdout } = await run(tools.zlint, [write('zlint.pem', encodePem('X509 CRL', der))]);
      const results = Object.entries(JSON.parse(stdout) as { [lint: string]: { result: string } });
      expect(results.length).toBeGreaterThan(10);
      return results.filter(([, { result }]) => !['pass', 'NA', 'NE'].includes(result)).map(([lint]) => lint);
    }

    async function pkilint(der: Uint8Array): Promise<readonly string[]> {
      const program = join(dirname(tools.pkilint), 'lint_crl');
      const args = ['lint', '-t', 'CRL', '-p', 'PKIX', '-s', 'WARNING', '-f', 'JSON', write('pkilint.crl', der)];
      const output = await run(program, args).catch((fault: { stdout: string }) => fault);
      expect(output.stdout).toContain('"results"');
      return [...output.stdout.matchAll(/"code": "([^"]+)"/g)].map(([, code]) => code ?? '');
    }

    async function listOf(change: object): Promise<Uint8Array> {
      const issuer = { ...certificateOf(good?.chain[1]), spki: signer.spki };
      return createRevocationList({
        ...{ issuer, signer, number: 1, thisUpdateMs: Date.now(), nextUpdateMs: Date.now() + 3_600_000 },
        ...{ distributionPoints: ['http://demo.test/0'], entries: [], ...change },
      });
    }

    test('is without fault, with entries and without', async () => {
      for (const der of [
        list as Uint8Array,
        await listOf({}),
        await listOf({ entries: [revoked('0a'), revoked('0b')] }),
      ]) {
        expect(await zlint(der)).toEqual([]);
        expect(await pkilint(der)).toEqual([]);
      }
    });

    test('that is faulty is seen to be', async () => {
      expect(await zlint(await listOf({ entries: [revoked('0a'), revoked('0a')] }))).not.toEqual([]);
      expect(await pkilint(await listOf({ nextUpdateMs: Date.now() - 86_400_000 }))).not.toEqual([]);
    });
  });

  describe('in the real Envoy', () => {
    const running: RunningEnvoy[] = [];
    afterAll(() => Promise.all(running.map((envoy) => envoy.stop())));

    /** A server that asks its clients for a certificate. Answers its port. */
    async function startServer(options: {
      readonly root: string;
      readonly list: string;
      readonly own: ClientPem;
      readonly isLeafAlone?: boolean;
    }): Promise<number> {
      const { own, isLeafAlone = true } = options;
      const tls = {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
        require_client_certificate: true,
        common_tls_context: {
          tls_certificates: [
            { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
          ],
          validation_context: {
            trusted_ca: { filename: options.root },
            crl: { filename: options.list },
            only_verify_leaf_cert_crl: isLeafAlone,
          },
        },
      };
      const http = {
        '@type':
          'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        stat_prefix: 'in',
        http_filters: [
          {
            name: 'envoy.filters.http.router',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
          },
        ],
        route_config: {
          virtual_hosts: [
            { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }] },
          ],
        },
      };
      const listener = {
        name: 'in',
        address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
        filter_chains: [
          {
            transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: tls },
            filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: http }],
          },
        ],
      };
      const envoy = await startEnvoy({ name: 'lists', config: { static_resources: { listeners: [listener] } } });
      running.push(envoy);
      await envoy.waitReady();
      return (await envoy.ports())['in'] as number;
    }

    /** Whether a client with the certificate is served. */
    function isTaken(port: number, client: ClientPem): Promise<boolean> {
      return new Promise((resolve) => {
        // Whom the client meets is not what this is about.
        const options = { host: '127.0.0.1', port, ...client, rejectUnauthorized: false, agent: false };
        const asking = request(options, (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode === 200));
        });
        asking.on('error', () => resolve(false));
        asking.end();
      });
    }

    const pemOf = (chain: readonly Uint8Array[], key: KeyObject): ClientPem => ({
      cert: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
      key: String(key.export({ format: 'pem', type: 'pkcs8' })),
    });
    const clientOf = (holder: Holder | undefined) => pemOf((holder as Holder).chain, (holder as Holder).privateKey);

    test('lets the good certificate in, and not the revoked one', async () => {
      const rootDer = (await world.objects.get('authority/root.der')) as Uint8Array;
      const root = write('root.pem', encodePem('CERTIFICATE', rootDer));
      const files = { root, list: write('list.pem', encodePem('X509 CRL', list as Uint8Array)), own: clientOf(good) };
      const port = await startServer(files);
      expect([await isTaken(port, clientOf(good)), await isTaken(port, clientOf(bad))]).toEqual([true, false]);
      // It wants one for every issuer too, and issuers are on none: docs/revocation.md says what to set.
      const whole = await startServer({ ...files, isLeafAlone: false });
      expect(await isTaken(whole, clientOf(good))).toBe(false);
    });

    test('is for the certificates of its partition: several in one file are for all of them', async () => {
      const root = write(
        'root.pem',
        encodePem('CERTIFICATE', (await world.objects.get('authority/root.der')) as Uint8Array),
      );
      const pem = (...lists: (Uint8Array | undefined)[]) =>
        lists.map((der) => encodePem('X509 CRL', der as Uint8Array)).join('');
      const verdictsOf = async (name: string, lists: string) => {
        const port = await startServer({ root, list: write(name, lists), own: clientOf(good) });
        const clients = [good, bad, farGood, farBad].map(clientOf);
        return Promise.all(clients.map((client) => isTaken(port, client)));
      };
      expect(await verdictsOf('both.pem', pem(list, farList))).toEqual([true, false, true, false]);
      expect(await verdictsOf('turned.pem', pem(farList, list))).toEqual([true, false, true, false]);
      expect(await verdictsOf('one.pem', pem(list))).toEqual([true, false, false, false]);
    });

    test('and in OpenSSL and Go counts when the issuer signed it, and not when somebody did whom the leaf names', async () => {
      const verdicts: { [form: string]: object } = {};
      for (const isIndirect of [false, true]) {
        const made = createListedLeaf(tools.openssl, join(dir, isIndirect ? 'indirect' : 'direct'), isIndirect);
        const client = { cert: readFileSync(made.leaf, 'utf8'), key: readFileSync(made.leafKey, 'utf8') };
        const port = await startServer({ root: made.root, list: made.list, own: client });
        const list = derOf(made.list, 'X509 CRL');
        verdicts[isIndirect ? 'indirect' : 'direct'] = {
          openssl: await verify(made),
          opensslExtended: await verify(made, '-extended_crl'),
          envoy: await isTaken(port, client),
          go: (await askGo(list, derOf(made.root, 'CERTIFICATE'))).signature === '',
        };
      }
      expect(verdicts).toEqual({
        direct: { openssl: true, opensslExtended: true, envoy: true, go: true },
        indirect: { openssl: false, opensslExtended: true, envoy: false, go: false },
      });
    });

    async function verify(made: ListedLeaf, ...more: string[]): Promise<boolean> {
      const files = ['-CAfile', made.root, '-CRLfile', made.list, '-untrusted', made.listSigner, made.leaf];
      return run(tools.openssl, ['verify', '-crl_check', ...more, ...files]).then(
        ({ stdout }) => stdout.includes(': OK'),
        () => false,
      );
    }
  });
});
