import { execFile } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import {
  certifyIssuer,
  checkNameConstraint,
  createLeafTbs,
  createRootCertificate,
  readOwnCertificate,
} from '@postern/ca';
import {
  bitString,
  boolean,
  contextTag,
  type DerElement,
  element,
  encodePem,
  octetString,
  oid,
  parseDer,
  readChildren,
  readSequence,
  sequence,
} from '@postern/der';
import { ALGORITHMS, generateSoftwareSigner, type Signer, verifyX509Signature } from '@postern/keys';
import { type Certificate, parseSpiffeId, parseTrustDomain, verifyX509Svid } from '@postern/spiffe';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../kit/envoy.ts';
import { startReferenceWorkloadApi } from '../kit/reference_workload_api.ts';
import { describeWithTool } from '../kit/tools.ts';
import { type Peer, peers, startPeerServer } from './peers.ts';

/**
 * What verifiers make of an issuer whose certificate says, by a critical URI name constraint, that it names one trust
 * domain alone: docs/decisions/0015. `inside`: its own trust domain's leaf · `outside`: a leaf of another trust domain, which
 * such an issuer signed all the same.
 */
const TRUST_DOMAINS = ['demo.test', 'prod', 'demo_1.test', '10.0.0.1'] as const;
const KINDS = ['unconstrained', 'inside', 'outside'] as const;
type Verdict = 'taken' | 'refused';

/** A server for each case; a JVM takes its time where much else runs. */
const SERVERS_TIMEOUT_MS = 240_000;

const ALL_WELL = 'taken taken refused';
/** Nobody could use the SVIDs of such a trust domain there. */
const NONE_TAKEN = 'taken refused refused';

/** As measured, for each kind in turn. A verifier that changes its mind changes what may be the default. */
const MEASURED: { readonly [judge: string]: { readonly [trustDomain in (typeof TRUST_DOMAINS)[number]]: string } } = {
  'OpenSSL, strict': { 'demo.test': ALL_WELL, prod: ALL_WELL, 'demo_1.test': ALL_WELL, '10.0.0.1': ALL_WELL },
  'go-spiffe': { 'demo.test': ALL_WELL, prod: ALL_WELL, 'demo_1.test': ALL_WELL, '10.0.0.1': NONE_TAKEN },
  'Envoy, trusted_ca': { 'demo.test': ALL_WELL, prod: ALL_WELL, 'demo_1.test': NONE_TAKEN, '10.0.0.1': NONE_TAKEN },
  'Envoy, SPIFFE validator': {
    'demo.test': ALL_WELL,
    prod: ALL_WELL,
    'demo_1.test': NONE_TAKEN,
    '10.0.0.1': NONE_TAKEN,
  },
  'Node.js': { 'demo.test': ALL_WELL, prod: ALL_WELL, 'demo_1.test': ALL_WELL, '10.0.0.1': ALL_WELL },
  Postern: { 'demo.test': ALL_WELL, prod: ALL_WELL, 'demo_1.test': ALL_WELL, '10.0.0.1': NONE_TAKEN },
  'java-spiffe': { 'demo.test': ALL_WELL, prod: ALL_WELL, 'demo_1.test': NONE_TAKEN, '10.0.0.1': ALL_WELL },
  // rustls-webpki knows no URI constraints, and refuses what is critical and unknown.
  'Rust spiffe': { 'demo.test': NONE_TAKEN, prod: NONE_TAKEN, 'demo_1.test': NONE_TAKEN, '10.0.0.1': NONE_TAKEN },
};

interface Case {
  readonly name: string;
  readonly trustDomain: string;
  readonly kind: (typeof KINDS)[number];
  /** Of the leaf. */
  readonly named: string;
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  readonly root: Uint8Array;
}

function must<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

/** A leaf by `issuer`, whoever it names: what an issuer that was taken over could sign. */
async function signLeaf(issuer: Certificate, signer: Signer, id: string, key: KeyObject): Promise<Uint8Array> {
  const spki = new Uint8Array(key.export({ format: 'der', type: 'spki' }));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  const notBeforeMs = Math.floor(Date.now() / 1000) * 1000 - 30_000;
  const tbs = createLeafTbs({
    ...{ serial, spki, issuer, dnsNames: [], noRevAvail: true, spiffeId: must(parseSpiffeId(id)) },
    ...{ notBeforeMs, notAfterMs: notBeforeMs + 3_600_000, signatureAlgorithm: ALGORITHMS.ES256.x509.identifier },
  });
  return sequence(tbs, ALGORITHMS.ES256.x509.identifier, bitString(await signer.sign(tbs)));
}

/** As `certifyIssuer` makes it for a trust domain that is a host name, and as it would for one that is none. */
async function certify(rootSigner: Signer, root: Certificate, { spki }: Signer, isNameConstrained: boolean) {
  const name = trustDomainOf(root);
  const trustDomain = must(parseTrustDomain(name));
  const input = { rootSigner, root, spki, trustDomain, nowMs: Date.now() };
  if (!isNameConstrained) return certifyIssuer(input);
  try {
    return await certifyIssuer({ ...input, isNameConstrained });
  } catch (fault) {
    if (!(fault instanceof TypeError)) throw fault;
    // Refused by us, so that it is put together here: the last member of the list of extensions is one more.
    return addConstraint(readOwnCertificate(await certifyIssuer(input)), rootSigner, name);
  }
}

const trustDomainOf = ({ subjectAltName }: Certificate) => new URL(subjectAltName?.uris[0] ?? '').host;

async function addConstraint(certificate: Certificate, rootSigner: Signer, host: string): Promise<Uint8Array> {
  const subtree = sequence(element(contextTag(6, 'primitive'), Buffer.from(host)));
  const value = octetString(sequence(element(contextTag(0, 'constructed'), subtree)));
  const constraint = sequence(oid('2.5.29.30'), boolean(true), value);
  const fields = [...must(readSequence(must(parseDer(certificate.tbs, { maxBytes: 16_384 }))))];
  const last = fields.pop() as DerElement;
  const extensions = must(readSequence(must(readChildren(last))[0] as DerElement)).map(({ raw }) => raw);
  const list = element(contextTag(3, 'constructed'), sequence(...extensions, constraint));
  const tbs = sequence(...fields.map(({ raw }) => raw), list);
  const algorithm = ALGORITHMS.ES384.x509.identifier;
  return sequence(tbs, algorithm, bitString(await rootSigner.sign(tbs)));
}

async function createCases(name: string): Promise<Case[]> {
  const trustDomain = must(parseTrustDomain(name));
  const rootSigner = generateSoftwareSigner('ES384');
  const nowMs = Date.now();
  const root = await createRootCertificate({ signer: rootSigner, trustDomain, nowMs });
  const cases: Case[] = [];
  for (const kind of KINDS) {
    const signer = generateSoftwareSigner('ES256');
    const certified = await certify(rootSigner, readOwnCertificate(root), signer, kind !== 'unconstrained');
    const named = kind === 'outside' ? 'other.test' : name;
    const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const leaf = await signLeaf(readOwnCertificate(certified), signer, `spiffe://${named}/payments`, publicKey);
    cases.push({ name: `${name}-${kind}`, trustDomain: name, kind, named, chain: [leaf, certified], key, root });
  }
  return cases;
}

describeWithTool('a URI name constraint on an issuer', ['spiffe-peer', 'openssl', 'envoy'], (tools) => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-constraints-'));
  let cases: Case[];
  let envoy: RunningEnvoy;
  let ports: Record<string, number>;

  const file = (name: string, ders: readonly Uint8Array[]) => {
    const path = join(dir, `${name}.pem`);
    writeFileSync(path, ders.map((der) => encodePem('CERTIFICATE', der)).join(''));
    return path;
  };
  const pemOf = (ders: readonly Uint8Array[]) => ders.map((der) => encodePem('CERTIFICATE', der)).join('');
  const keyPem = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }) as string;

  beforeAll(async () => {
    cases = (await Promise.all(TRUST_DOMAINS.map(createCases))).flat();
    const server = cases[0] as Case;
    writeFileSync(join(dir, 'server.key'), keyPem(server.key), { mode: 0o600 });
    const certificate = file('server', server.chain);
    const listeners = cases.flatMap((one) => {
      const root = file(`${one.name}-root`, [one.root]);
      const trusted = { filename: root };
      const spiffe = {
        name: 'envoy.tls.cert_validator.spiffe',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
          trust_domains: [{ name: one.named, trust_bundle: trusted }],
        },
      };
      return [
        listener(`${one.name} by trusted_ca`, { trusted_ca: trusted }),
        listener(`${one.name} by the SPIFFE validator`, { custom_validator_config: spiffe }),
      ];
    });
    function listener(name: string, validation: object) {
      const manager = {
        '@type':
          'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        stat_prefix: 'x',
        http_filters: [
          {
            name: 'envoy.filters.http.router',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
          },
        ],
        route_config: {
          virtual_hosts: [
            { name: 'x', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }] },
          ],
        },
      };
      const tls = {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
        require_client_certificate: true,
        common_tls_context: {
          tls_certificates: [
            { certificate_chain: { filename: certificate }, private_key: { filename: join(dir, 'server.key') } },
          ],
          validation_context: validation,
        },
      };
      return {
        name,
        address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
        filter_chains: [
          {
            filters: [{ name: 'http', typed_config: manager }],
            transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: tls },
          },
        ],
      };
    }
    envoy = await startEnvoy({ name: 'constraints', config: { static_resources: { listeners } } });
    ports = await envoy.ports();
  }, 60_000);
  afterAll(async () => {
    await envoy?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const ended = (command: string, args: readonly string[]) =>
    new Promise<Verdict>((resolve) => {
      execFile(command, args, (fault) => resolve(fault === null ? 'taken' : 'refused'));
    });

  /** Whether a server answers who shows this chain. */
  const answered = (port: number, one: Case) =>
    new Promise<Verdict>((resolve) => {
      const socket = connect({
        ...{ host: '127.0.0.1', port, rejectUnauthorized: false, timeout: 5000 },
        ...{ cert: pemOf(one.chain), key: keyPem(one.key) },
      });
      const end = (verdict: Verdict) => {
        resolve(verdict);
        socket.destroy();
      };
      socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
      socket.on('data', () => end('taken'));
      for (const event of ['error', 'close', 'timeout']) socket.on(event, () => end('refused'));
    });

  /** By a peer's mTLS server that has the root as its trust domain's. */
  const servedBy = (peer: Peer) => async (one: Case) => {
    const path = join(dir, `${peer.tool}-${one.name}.sock`);
    const keyDer = one.key.export({ format: 'der', type: 'pkcs8' }) as Buffer;
    const svid = {
      spiffeId: `spiffe://${one.named}/payments`,
      chainDer: Buffer.concat(one.chain),
      keyDer,
      serialHex: '',
    };
    const content = { svids: [svid], bundleDer: Buffer.from(one.root), trustDomain: one.named };
    const api = await startReferenceWorkloadApi(path, content);
    const flags = { socket: `unix://${path}`, authorize: `spiffe://${one.named}`, timeout: 60 };
    const { address, server } = await startPeerServer(peer, flags);
    try {
      return await answered(Number(address.split(':').at(-1)), one);
    } finally {
      await server.stop();
      api.stop();
    }
  };

  const judges: { readonly [name: string]: (one: Case) => Promise<Verdict> } = {
    'OpenSSL, strict': (one) =>
      ended(tools.openssl, [
        ...['verify', '-x509_strict', '-CAfile', file(`${one.name}-root`, [one.root])],
        ...[
          '-untrusted',
          file(`${one.name}-issuer`, one.chain.slice(1)),
          file(`${one.name}-leaf`, one.chain.slice(0, 1)),
        ],
      ]),
    'go-spiffe': (one) =>
      ended(tools['spiffe-peer'], [
        ...['verify', '-trust-domain', one.named, '-roots', file(`${one.name}-root`, [one.root])],
        ...['-svid', file(`${one.name}-chain`, one.chain)],
      ]),
    'Envoy, trusted_ca': (one) => answered(ports[`${one.name} by trusted_ca`] as number, one),
    'Envoy, SPIFFE validator': (one) => answered(ports[`${one.name} by the SPIFFE validator`] as number, one),
    'Node.js': (one) =>
      new Promise((resolve) => {
        const server = createServer(
          {
            ...{ requestCert: true, rejectUnauthorized: false, ca: [pemOf([one.root])] },
            ...{ cert: pemOf((cases[0] as Case).chain), key: keyPem((cases[0] as Case).key) },
          },
          (socket) => {
            resolve(socket.authorized ? 'taken' : 'refused');
            socket.destroy();
            server.close();
          },
        );
        server.listen(0, '127.0.0.1', () => void answered((server.address() as AddressInfo).port, one));
      }),
    Postern: async (one) => {
      const trustDomain = must(parseTrustDomain(one.named));
      const bundle = { trustDomain, x509Authorities: [one.root], jwtAuthorities: [] };
      const bundles = new Map([[one.named, bundle]]);
      const input = { chain: one.chain, bundles, nowMs: Date.now(), verifySignature: verifyX509Signature };
      return verifyX509Svid(input).ok ? 'taken' : 'refused';
    },
  };

  const asMeasured = async (name: string, judge: (one: Case) => Promise<Verdict>) => {
    const found: { [trustDomain: string]: string } = {};
    for (const trustDomain of TRUST_DOMAINS) {
      const verdicts: Verdict[] = [];
      for (const one of cases) if (one.trustDomain === trustDomain) verdicts.push(await judge(one));
      found[trustDomain] = verdicts.join(' ');
    }
    expect(found).toEqual(MEASURED[name]);
  };

  it.each(Object.entries(judges))('is judged by %s as it was when it was decided about', asMeasured);

  // Of the other peers, go-spiffe is above, and Python's TLS is OpenSSL.
  for (const peer of peers.filter(({ name }) => name in MEASURED && !(name in judges))) {
    describeWithTool(peer.name, [peer.tool], () => {
      it(
        'judges it as it did when it was decided about',
        () => asMeasured(peer.name, servedBy(peer)),
        SERVERS_TIMEOUT_MS,
      );
    });
  }

  it('is never asked for where a judge that knows such constraints would take nothing', () => {
    const knowing = Object.values(MEASURED).filter((by) => Object.values(by).includes(ALL_WELL));
    for (const trustDomain of TRUST_DOMAINS) {
      const check = () => checkNameConstraint(must(parseTrustDomain(trustDomain)));
      if (knowing.every((by) => by[trustDomain] === ALL_WELL)) expect(check).not.toThrow();
      else expect(check).toThrow('is no host name');
    }
  });
});
