import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createTestAuthority, type LocalAgent, OWN_UID, startLocalAgent, TRUST_DOMAIN } from './testing/local_agent.ts';

/** Hand-written from the standard, by somebody else. */
const PROTO = join(import.meta.dirname, '../../../../test/kit/workload_api.proto');
const OWN_PATH = `unix:path:${process.execPath}`;

const api = grpc.loadPackageDefinition(loadSync(PROTO, { keepCase: true, defaults: true }))[
  'SpiffeWorkloadAPI'
] as grpc.ServiceClientConstructor;

interface Svid {
  readonly spiffe_id: string;
  readonly x509_svid: Buffer;
  readonly x509_svid_key: Buffer;
  readonly bundle: Buffer;
  readonly hint: string;
}

interface X509Svids {
  readonly svids: readonly Svid[];
  readonly federated_bundles: { readonly [trustDomainId: string]: Buffer };
}

interface X509Bundles {
  readonly bundles: { readonly [trustDomainId: string]: Buffer };
}

interface Watch<T> {
  readonly received: T[];
  readonly code: () => number | undefined;
  readonly cancel: () => void;
}

let agent: LocalAgent;
let client: grpc.Client;
const watches: Watch<unknown>[] = [];

beforeAll(async () => {
  agent = await startLocalAgent();
  client = new api(`unix:${agent.socketPath}`, grpc.credentials.createInsecure());
});
afterEach(() => {
  for (const { cancel } of watches.splice(0)) cancel();
});
afterAll(async () => {
  client.close();
  await agent.stop();
});

const WITH_HEADER = { 'workload.spiffe.io': 'true' };

function watch<T>(method: string, headers: { [name: string]: string } = WITH_HEADER, from = client): Watch<T> {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const call = (
    from as unknown as { [name: string]: (request: object, metadata: grpc.Metadata) => grpc.ClientReadableStream<T> }
  )[method]!;
  const stream = call.call(from, {}, metadata);
  const received: T[] = [];
  let code: number | undefined;
  stream.on('data', (message: T) => received.push(message));
  stream.on('error', () => {});
  stream.on('status', (status) => {
    code = status.code;
  });
  const watching = { received, code: () => code, cancel: () => stream.cancel() };
  watches.push(watching);
  return watching;
}

const watchSvids = () => watch<X509Svids>('FetchX509SVID');
const spiffeIds = (response: X509Svids | undefined) => response?.svids.map(({ spiffe_id }) => spiffe_id);
const id = (path: string) => `spiffe://${TRUST_DOMAIN}${path}`;

describe('a caller gets no identity', () => {
  test.each([
    ['without the security header', {}],
    ['with another value of it', { 'workload.spiffe.io': 'True' }],
    ['with two values of it', { 'workload.spiffe.io': 'true, true' }],
    ['with an empty one', { 'workload.spiffe.io': '' }],
  ])('%s', async (_what, headers) => {
    await agent.entitle([{ path: '/own', selectors: [OWN_UID] }]);
    for (const method of ['FetchX509SVID', 'FetchX509Bundles']) {
      const { code, received } = watch(method, headers);
      await expect.poll(code).toBe(grpc.status.INVALID_ARGUMENT);
      expect(received).toEqual([]);
    }
  });

  test('when no entry is for it, and the operator is told what it is', async () => {
    await agent.entitle([
      { path: '/other-user', selectors: ['unix:uid:4000000000'] },
      { path: '/other-program', selectors: [OWN_UID, 'unix:path:/usr/bin/other'] },
      { path: '/no-selectors', selectors: [] },
    ]);
    for (const method of ['FetchX509SVID', 'FetchX509Bundles']) {
      const { code, received } = watch(method);
      await expect.poll(code).toBe(grpc.status.PERMISSION_DENIED);
      expect(received).toEqual([]);
    }
    const event = agent.events.findLast(({ event }) => event === 'workload-without-entry');
    expect(event).toMatchObject({ pid: process.pid, selectors: expect.stringContaining(OWN_PATH) });
  });

  test('before the agent has anything: it is told to come again', async () => {
    const starting = await startLocalAgent({ isReady: false });
    const early = new api(`unix:${starting.socketPath}`, grpc.credentials.createInsecure());
    const { code } = watch('FetchX509SVID', WITH_HEADER, early);
    await expect.poll(code).toBe(grpc.status.UNAVAILABLE);
    early.close();
    await starting.stop();
  });

  test('of a kind that is not issued: WIT methods say so', async () => {
    await agent.entitle([{ path: '/own', selectors: [OWN_UID] }]);
    for (const method of ['FetchWITSVID', 'FetchWITBundles']) {
      const code = await new Promise((resolve) => {
        const metadata = new grpc.Metadata();
        metadata.set('workload.spiffe.io', 'true');
        const empty = () => Buffer.alloc(0);
        client.makeUnaryRequest(
          `/SpiffeWorkloadAPI/${method}`,
          empty,
          (bytes) => bytes,
          {},
          metadata,
          (fault) => resolve(fault?.code),
        );
      });
      expect([method, code]).toEqual([method, grpc.status.UNIMPLEMENTED]);
    }
  });
});

describe('a caller with entries', () => {
  test('gets its SVID, key and trust bundle at once, in the form of the standard', async () => {
    await agent.entitle([{ path: '/own', selectors: [OWN_UID, OWN_PATH] }]);
    const { received } = watchSvids();
    await expect.poll(() => received).toHaveLength(1);
    const [svid] = received[0]!.svids;
    expect(svid).toMatchObject({ spiffe_id: id('/own'), hint: '' });
    const leaf = new X509Certificate(svid!.x509_svid);
    expect(leaf.subjectAltName).toBe(`URI:${id('/own')}`);
    const issuer = new X509Certificate(svid!.x509_svid.subarray(leaf.raw.length));
    const root = new X509Certificate(svid!.bundle);
    expect(leaf.verify(issuer.publicKey) && issuer.verify(root.publicKey)).toBe(true);
    expect(Buffer.compare(root.raw, agent.root)).toBe(0);
    const key = createPrivateKey({ key: svid!.x509_svid_key, format: 'der', type: 'pkcs8' });
    expect(leaf.checkPrivateKey(key)).toBe(true);
    expect(received[0]!.federated_bundles).toEqual({});
  });

  test('gets the default first, in the same order at every update, with each hint once', async () => {
    await agent.entitle([
      { path: '/a', selectors: [OWN_UID], hint: 'internal' },
      { path: '/b', selectors: [OWN_UID], hint: 'internal' },
      { path: '/c', selectors: [OWN_UID] },
      { path: '/d', selectors: [OWN_UID], hint: 'external' },
    ]);
    const { received } = watchSvids();
    await expect.poll(() => received).toHaveLength(1);
    await agent.rotate();
    await expect.poll(() => received).toHaveLength(2);
    for (const response of received) {
      expect(spiffeIds(response)).toEqual(['/a', '/b', '/c', '/d'].map(id));
      expect(response.svids.map(({ hint }) => hint)).toEqual(['internal', '', '', 'external']);
    }
  });

  test('is told of a rotation at once, and of what is not its own never', async () => {
    await agent.entitle([{ path: '/own', selectors: [OWN_UID] }]);
    const { received } = watchSvids();
    await expect.poll(() => received).toHaveLength(1);
    // Another workload of this node comes, and the bundle is delivered again as it was.
    await agent.entitle([
      { path: '/own', selectors: [OWN_UID] },
      { path: '/other', selectors: ['unix:uid:4000000000'] },
    ]);
    agent.store.setBundles(new Map([[TRUST_DOMAIN, [agent.root]]]));
    await agent.rotate();
    await expect.poll(() => received).toHaveLength(2);
    expect(Buffer.compare(received[1]!.svids[0]!.x509_svid, Buffer.concat([...agent.identity('/own').chain]))).toBe(0);
  });

  test('is told of the bundles of other trust domains, apart from its own', async () => {
    await agent.entitle([{ path: '/own', selectors: [OWN_UID] }]);
    const svids = watchSvids();
    const bundles = watch<X509Bundles>('FetchX509Bundles');
    await expect.poll(() => [svids.received.length, bundles.received.length]).toEqual([1, 1]);
    const partner = await createTestAuthority('partner.test');
    agent.store.setBundles(
      new Map([
        [TRUST_DOMAIN, [agent.root]],
        ['partner.test', [partner.root]],
      ]),
    );
    await expect.poll(() => [svids.received.length, bundles.received.length]).toEqual([2, 2]);
    expect(Object.keys(svids.received[1]!.federated_bundles)).toEqual(['spiffe://partner.test']);
    expect(Buffer.compare(svids.received[1]!.svids[0]!.bundle, agent.root)).toBe(0);
    expect(Object.keys(bundles.received[1]!.bundles)).toEqual([`spiffe://${TRUST_DOMAIN}`, 'spiffe://partner.test']);
    expect(Buffer.compare(bundles.received[1]!.bundles['spiffe://partner.test']!, partner.root)).toBe(0);
    agent.store.setBundles(new Map([[TRUST_DOMAIN, [agent.root]]]));
    await expect.poll(() => Object.keys(svids.received[2]?.federated_bundles ?? { none: 0 })).toEqual([]);
  });

  test('is not told of a trust domain that its entry does not federate with', async () => {
    const partner = await createTestAuthority('partner.test');
    agent.store.setBundles(
      new Map([
        [TRUST_DOMAIN, [agent.root]],
        ['partner.test', [partner.root]],
      ]),
    );
    await agent.entitle([
      { path: '/own', selectors: [OWN_UID], federatesWith: [] },
      { path: '/neighbour', selectors: ['unix:uid:4294967294'], federatesWith: ['partner.test'] },
    ]);
    const svids = watchSvids();
    const bundles = watch<X509Bundles>('FetchX509Bundles');
    await expect.poll(() => [svids.received.length, bundles.received.length]).toEqual([1, 1]);
    expect(svids.received[0]!.federated_bundles).toEqual({});
    expect(Object.keys(bundles.received[0]!.bundles)).toEqual([`spiffe://${TRUST_DOMAIN}`]);
    agent.store.setBundles(new Map([[TRUST_DOMAIN, [agent.root]]]));
  });

  test('that loses one of two is told of the other, and that loses all is told so and nothing more', async () => {
    const own = { path: '/own', selectors: [OWN_UID] };
    await agent.entitle([own, { path: '/second', selectors: [OWN_UID] }]);
    const { received, code } = watchSvids();
    const bundles = watch<X509Bundles>('FetchX509Bundles');
    await expect.poll(() => spiffeIds(received[0])).toEqual([id('/own'), id('/second')]);
    await agent.entitle([own]);
    await expect.poll(() => spiffeIds(received[1])).toEqual([id('/own')]);
    await agent.entitle([]);
    await expect.poll(() => [code(), bundles.code()]).toEqual([7, 7]);
    expect(received).toHaveLength(2);
  });
});

test('1,000 workloads that ask at once are all served, and all told of a rotation', async () => {
  await agent.entitle([{ path: '/own', selectors: [OWN_UID] }]);
  const clients = Array.from({ length: 100 }, () => {
    // Otherwise grpc-js would make all of them one connection.
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    return new api(`unix:${agent.socketPath}`, grpc.credentials.createInsecure(), options);
  });
  const all = clients.flatMap((from) =>
    Array.from({ length: 10 }, () => watch<X509Svids>('FetchX509SVID', WITH_HEADER, from)),
  );
  const counts = () => new Set(all.map(({ received }) => received.length));
  await expect.poll(counts, { timeout: 15_000 }).toEqual(new Set([1]));
  await agent.rotate();
  await expect.poll(counts, { timeout: 15_000 }).toEqual(new Set([2]));
  for (const { cancel } of all) cancel();
  for (const from of clients) from.close();
});
