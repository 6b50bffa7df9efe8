import { createPrivateKey } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { checkFederationInput, type FederationRelationship } from '@postern/ca';
import { formatTrustBundle, parseTrustDomain, type TrustBundle, type TrustDomain } from '@postern/spiffe';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createOpensslAuthority, type OpensslAuthority } from '../../../test/kit/openssl_svids.ts';
import { createWebServer, type WebServer } from '../../../test/kit/openssl_web_server.ts';
import { parseOutboundRanges } from '../../outbound.ts';
import { fetchBundle } from './fetch_bundle.ts';

const FEDERATED = 'other.test' as TrustDomain;
const servers: Server[] = [];
let other: OpensslAuthority;
let foreign: OpensslAuthority;
let web: WebServer;

beforeAll(() => {
  other = createOpensslAuthority('openssl', FEDERATED);
  foreign = createOpensslAuthority('openssl', 'foreign.test');
  web = createWebServer('IP:127.0.0.1,IP:127.0.0.2,DNS:bundle.test,DNS:inside.test');
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});
afterAll(() => {
  other.remove();
  foreign.remove();
});

const bundleOf = (authority: OpensslAuthority, sequence = 1) =>
  formatTrustBundle({
    trustDomain: parsed(authority.trustDomain),
    sequence,
    refreshHintSeconds: 300,
    x509Authorities: [authority.authorityDer],
    jwtAuthorities: [],
  });

function parsed(name: string): TrustDomain {
  const trustDomain = parseTrustDomain(name);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  return trustDomain.value;
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(tls: { readonly cert: string; readonly key: string }, listener: Listener): Promise<string> {
  const server = createServer(tls, listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}/bundle`;
}

const answer =
  (body: string): Listener =>
  (_, response) =>
    void response.setHeader('content-type', 'application/json').end(body);

function spiffeServer(authority: OpensslAuthority, path: string): { readonly cert: string; readonly key: string } {
  const svid = authority.issue(path);
  const key = createPrivateKey({ key: svid.keyDer, format: 'der', type: 'pkcs8' });
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${svid.chainDer.toString('base64')}\n-----END CERTIFICATE-----\n`,
    key: String(key.export({ format: 'pem', type: 'pkcs8' })),
  };
}

const overWeb = (url: string): FederationRelationship => ({
  trustDomain: FEDERATED,
  url,
  profile: 'https_web',
  createdAtMs: 0,
});

const overSpiffe = (url: string, authority = other): FederationRelationship => ({
  trustDomain: FEDERATED,
  url,
  profile: 'https_spiffe',
  endpointSpiffeId: `spiffe://${authority.trustDomain}/bundle`,
  bootstrapBundle: bundleOf(authority),
  createdAtMs: 0,
});

const ask = (relationship: FederationRelationship, known?: TrustBundle, endpointBundle?: TrustBundle) =>
  fetchBundle(relationship, {
    endpointBundle,
    known,
    nowMs: Date.now(),
    places: { allowLoopback: true, webAuthorities: [web.ca] },
  });

describe('an endpoint on the web', () => {
  test('is believed by the web’s authorities', async () => {
    const url = await serve(web, answer(bundleOf(other, 7)));
    const fetched = await ask(overWeb(url));
    expect(fetched).toMatchObject({
      ok: true,
      value: { trustDomain: FEDERATED, sequence: 7, refreshHintSeconds: 300 },
    });
  });

  test('is not believed when nobody vouches for it, or for another name', async () => {
    const url = await serve(web, answer(bundleOf(other)));
    const places = { allowLoopback: true };
    const untrusted = await fetchBundle(overWeb(url), { known: undefined, nowMs: Date.now(), places });
    expect(untrusted).toMatchObject({ ok: false, reason: 'endpoint-unreachable' });
    const elsewhere = await serve(createWebServer('DNS:other.test'), answer(bundleOf(other)));
    expect(await ask(overWeb(elsewhere))).toMatchObject({ ok: false, reason: 'endpoint-unreachable' });
  });

  test('an SVID does not make an endpoint on the web', async () => {
    const url = await serve(spiffeServer(other, '/bundle'), answer(bundleOf(other)));
    expect(await ask(overWeb(url))).toMatchObject({ ok: false, reason: 'endpoint-unreachable' });
  });
});

describe('an endpoint that is a workload', () => {
  test('is believed by the bootstrap bundle first, and by the newest one then', async () => {
    const url = await serve(spiffeServer(other, '/bundle'), answer(bundleOf(other, 2)));
    const first = await ask(overSpiffe(url));
    expect(first).toMatchObject({ ok: true, value: { sequence: 2 } });
    if (!first.ok) return;
    expect((await ask(overSpiffe(url), first.value)).ok).toBe(true);
    // The bootstrap bundle is of use once: what the domain no longer publishes vouches for nobody.
    for (const x509Authorities of [[foreign.authorityDer], []]) {
      const rotated = { ...first.value, x509Authorities };
      expect(await ask(overSpiffe(url), rotated)).toMatchObject({ ok: false, reason: 'endpoint-untrusted' });
    }
  });

  const rows: [what: string, server: () => { cert: string; key: string }, of: () => FederationRelationship][] = [
    ['another workload of the same domain', () => spiffeServer(other, '/else'), () => overSpiffe('')],
    ['a workload of another domain by the same path', () => spiffeServer(foreign, '/bundle'), () => overSpiffe('')],
    ['somebody whom the web vouches for', () => web, () => overSpiffe('')],
  ];
  test.each(rows)('is not %s, and is asked nothing then', async (_, server, of) => {
    let asked = 0;
    const url = await serve(server(), (_request, response) => {
      asked++;
      response.end(bundleOf(other));
    });
    expect(await ask({ ...of(), url })).toMatchObject({ ok: false, reason: 'endpoint-untrusted' });
    expect(asked).toBe(0);
  });

  test('may be of a third trust domain, as it was configured', async () => {
    const url = await serve(spiffeServer(foreign, '/bundle'), answer(bundleOf(other, 3)));
    const relationship = overSpiffe(url, foreign);
    expect(await ask(relationship)).toMatchObject({ ok: true, value: { trustDomain: FEDERATED, sequence: 3 } });
    // By that domain's newest bundle where we have it, whatever the one that is fetched says of its own.
    const bundleOfThird = (authorities: readonly Uint8Array[]) => ({
      trustDomain: foreign.trustDomain as TrustDomain,
      x509Authorities: authorities,
      jwtAuthorities: [],
    });
    for (const [authorities, isKnown] of [
      [[foreign.authorityDer], true],
      [[other.authorityDer], false],
      [[], false],
    ] as const) {
      const fetched = await ask(relationship, undefined, bundleOfThird(authorities));
      expect(fetched).toMatchObject(isKnown ? { ok: true } : { ok: false, reason: 'endpoint-untrusted' });
    }
  });
});

describe('nobody is led inside', () => {
  const addresses: { readonly [name: string]: string } = { 'bundle.test': '127.0.0.1' };
  const resolve = async (name: string) => [addresses[name] ?? '127.0.0.2'];
  const from = (relationship: FederationRelationship, ranges: string, change = {}) => {
    const outboundRanges = parseOutboundRanges(ranges) ?? [];
    const places = { outboundRanges, webAuthorities: [web.ca], resolve, ...change };
    return fetchBundle(relationship, { known: undefined, nowMs: Date.now(), places });
  };
  /** Counts connections, whether or not anything is asked over them. */
  async function serveCounting(tls: { readonly cert: string; readonly key: string }, listener: Listener) {
    const url = await serve(tls, listener);
    const count = { connections: 0, port: new URL(url).port };
    servers.at(-1)?.on('connection', () => count.connections++);
    return count;
  }

  test('by an endpoint whose name means a private address, of neither profile', async () => {
    const count = await serveCounting(web, answer(bundleOf(other, 3)));
    const url = `https://bundle.test:${count.port}/`;
    for (const relationship of [overWeb(url), overSpiffe(url)]) {
      expect(await from(relationship, '')).toMatchObject({ ok: false, reason: 'endpoint-address' });
      // An endpoint that is configured elsewhere is not on this machine, whatever its name means.
      expect(await from(relationship, '', { allowLoopback: true })).toMatchObject({ reason: 'endpoint-address' });
    }
    expect(count.connections).toBe(0);
    expect(await from(overWeb(url), '127.0.0.1/32')).toMatchObject({ ok: true, value: { sequence: 3 } });
  });

  test.each([
    ['to a name inside', 'https://inside.test:PORT/'],
    ['to an address inside', 'https://127.0.0.2:PORT/'],
    ['to the metadata service of a cloud', 'https://169.254.169.254/'],
  ])('by a redirect %s', async (_, location) => {
    const count = await serveCounting(web, (_request, response) => {
      response.writeHead(302, { location: location.replace('PORT', count.port) }).end();
    });
    const url = `https://bundle.test:${count.port}/`;
    expect(await from(overWeb(url), '127.0.0.1/32')).toMatchObject({ ok: false, reason: 'endpoint-address' });
    expect(count.connections).toBe(1);
  });

  test('by a name that means something else a moment later', async () => {
    const count = await serveCounting(web, (request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/again' }).end();
      else response.end(bundleOf(other));
    });
    const answers = ['127.0.0.1', '127.0.0.2'];
    const rebinding = { resolve: async () => [answers.shift() ?? '127.0.0.1'] };
    const fetched = await from(overWeb(`https://bundle.test:${count.port}/`), '127.0.0.1/32', rebinding);
    expect(fetched).toMatchObject({ ok: false, reason: 'endpoint-address' });
    expect(count.connections).toBe(1);
    expect(answers).toEqual([]);
  });

  test('a name that nobody knows is told', async () => {
    const unknown = { resolve: () => Promise.reject(new Error('ENOTFOUND')) };
    expect(await from(overWeb('https://bundle.test/'), '', unknown)).toEqual({
      ok: false,
      reason: 'endpoint-unreachable',
      detail: 'name-unresolved',
    });
  });
});

describe('what an endpoint answers', () => {
  test('leads on by a redirect, with the same checks at its end', async () => {
    const url = await serve(web, answer(bundleOf(other, 9)));
    const first = await serve(web, (_, response) => void response.writeHead(302, { location: url }).end());
    expect(await ask(overWeb(first))).toMatchObject({ ok: true, value: { sequence: 9 } });
    const plain = await serve(
      web,
      (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1/' }).end(),
    );
    expect(await ask(overWeb(plain))).toMatchObject({ ok: false, reason: 'federation-url' });
    const circle: string = await serve(web, (_, response) => void response.writeHead(307, { location: circle }).end());
    expect(await ask(overWeb(circle))).toMatchObject({ ok: false, reason: 'endpoint-redirects' });
  });

  test('is refused when it is no bundle, too large, or an error', async () => {
    expect(await ask(overWeb(await serve(web, answer('<html>'))))).toMatchObject({ reason: 'bundle-malformed' });
    const large = `{"keys":[],"x":"${'x'.repeat(1024 * 1024)}"}`;
    expect(await ask(overWeb(await serve(web, answer(large))))).toMatchObject({ reason: 'bundle-too-large' });
    const failing = await serve(web, (_, response) => void response.writeHead(500).end(bundleOf(other)));
    expect(await ask(overWeb(failing))).toEqual({ ok: false, reason: 'endpoint-status', detail: '500' });
  });

  test('keeps nobody waiting for ever', async () => {
    const url = await serve(web, () => {});
    expect(await ask(overWeb(url))).toMatchObject({ ok: false, reason: 'endpoint-unreachable' });
  }, 15_000);
});

describe('a relationship', () => {
  const own = parsed('demo.test');
  const good = () => ({ trustDomain: FEDERATED as string, url: 'https://a.test/b', profile: 'https_web' as const });
  test.each([
    ['of our own trust domain', { trustDomain: 'demo.test' }, 'federation-own-domain'],
    ['of no trust domain', { trustDomain: 'Other.test' }, 'federation-trust-domain'],
    ['over plain http', { url: 'http://a.test/b' }, 'federation-url'],
    ['with a password in the URL', { url: 'https://a:b@a.test/b' }, 'federation-url'],
    ['of a profile that there is not', { profile: 'https' }, 'federation-profile'],
    ['that is a workload without a name', { profile: 'https_spiffe' }, 'federation-endpoint-id'],
    [
      'that is a trust domain',
      { profile: 'https_spiffe', endpointSpiffeId: 'spiffe://a.test' },
      'federation-endpoint-id',
    ],
    [
      'that nobody vouches for',
      { profile: 'https_spiffe', endpointSpiffeId: 'spiffe://a.test/x' },
      'federation-bootstrap',
    ],
    [
      'that an empty bundle vouches for',
      { profile: 'https_spiffe', endpointSpiffeId: 'spiffe://a.test/x', bootstrapBundle: '{"keys":[]}' },
      'federation-bootstrap',
    ],
    ['on the web with a bundle', { bootstrapBundle: '{"keys":[]}' }, 'federation-bootstrap'],
  ])('%s is refused', (_, change, reason) => {
    expect(checkFederationInput({ ...good(), ...change } as ReturnType<typeof good>, own)).toMatchObject({
      ok: false,
      reason,
    });
  });
});
