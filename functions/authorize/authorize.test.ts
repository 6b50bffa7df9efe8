import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { PATHS } from '@postern/api';
import { createTestAuthority, createTestLeaf, urlEncodedPem } from '@postern/identity/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enterWorkload, type Holder, issueWorkload, joinAgent } from '../testing/agents.ts';
import { published } from '../testing/policies.ts';
import { ask, FACTS } from '../testing/proxies.ts';
import { startWorld, type World } from '../testing/world.ts';

/** Longer than what a function knows is used without asking the store again. */
const REFRESH_MS = 1001;

let world: World;
let agent: Holder;
let payments: Holder;
let storefront: Holder;
beforeAll(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
  payments = await issueWorkload(world, agent, await enterWorkload(world, agent, '/payments'));
  storefront = await issueWorkload(world, agent, await enterWorkload(world, agent, '/storefront'));
  await published(world);
  world.clock.advanceMs(REFRESH_MS);
});
afterAll(() => world.remove());

const decisionOf = async (id: unknown) => world.recordOf('decision', (it) => it.id === id);

async function expectDenied(answer: Awaited<ReturnType<typeof ask>>, reason: string, status = 403): Promise<void> {
  expect(answer.status).toBe(status);
  const { decision } = JSON.parse(answer.body) as { decision: string };
  expect(await decisionOf(decision)).toMatchObject({ outcome: 'deny', reason });
}

test('the proxy of a service is answered about it, and the record is durable with the answer', async () => {
  const answer = await ask(world, payments);
  expect(answer.status).toBe(200);
  const record = (await world.records('decision')).find(({ id }) => id === answer.headers['postern-decision-id']);
  expect(record).toMatchObject({
    outcome: 'allow',
    service: 'payments',
    enforcementPoint: 'spiffe://demo.test/payments',
  });
});

describe('nobody else is:', () => {
  const nowMs = () => world.clock.nowMs();
  const spiffeId = 'spiffe://demo.test/payments';

  function leaf(
    parent?: ReturnType<typeof createTestAuthority>,
    change: Partial<Parameters<typeof createTestLeaf>[0]> = {},
  ) {
    const issuer = parent ?? createTestAuthority({ trustDomain: 'demo.test', nowMs: nowMs() });
    const made = createTestLeaf({
      issuer,
      uris: [spiffeId],
      notBeforeMs: nowMs() - 60_000,
      notAfterMs: nowMs() + 3_600_000,
      ...change,
    });
    return { chain: [made.certificate], privateKey: made.privateKey };
  }

  const rows: [string, () => Pick<Holder, 'chain' | 'privateKey'> | undefined, string][] = [
    ['a client without certificate', () => undefined, 'enforcement-point-unknown'],
    ['a workload that no service names as its proxy', () => storefront, 'enforcement-point-unknown'],
    ['an agent', () => agent, 'enforcement-point-unknown'],
    ['the right name by a foreign authority', () => leaf(), 'enforcement-point-unknown'],
    [
      'two names, one of them right',
      () => leaf(undefined, { uris: [spiffeId, 'spiffe://demo.test/x'] }),
      'enforcement-point-unknown',
    ],
    [
      'a self-made authority under its own root',
      () =>
        leaf(
          createTestAuthority({
            trustDomain: 'demo.test',
            nowMs: nowMs(),
            parent: createTestAuthority({ trustDomain: 'demo.test', nowMs: nowMs() }),
          }),
        ),
      'enforcement-point-unknown',
    ],
  ];
  test.each(rows)('%s', async (_, holder, reason) => {
    const answer = await ask(world, holder());
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'not-authenticated' });
    // Its repeats are counted.
    expect((await world.records('decision')).some((it) => it.outcome === 'deny' && it.reason === reason)).toBe(true);
  });

  test('and fills the trail call by call, or keeps a connection that a proxy could have', async () => {
    await ask(world, undefined);
    const before = await world.records('decision');
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(world, undefined)));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(403));
    expect(answers.map(({ headers }) => headers['connection'])).toEqual(Array(50).fill('close'));
    expect(await world.records('decision')).toHaveLength(before.length);
  });

  test('a proxy about a service that is not its own, or is none', async () => {
    for (const service of ['storefront', 'never', '__proto__'])
      await expectDenied(await ask(world, payments, { ...FACTS, 'x-postern-service': service }), 'service-not-bound');
  });
});

describe('what a proxy says is refused', () => {
  const rows: [string, { readonly [name: string]: string | string[] | undefined }, string][] = [
    ['without a service', { 'x-postern-service': undefined }, 'header-missing'],
    ['with two targets', { 'x-postern-target': ['/balance', '/refunds'] }, 'header-duplicate'],
    ['with a header of ours that nobody knows', { 'x-postern-user': 'root' }, 'header-unknown'],
    ['with a path that climbs', { 'x-postern-target': '/x/../balance' }, 'path-dot-segment'],
    ['with a path that climbs by escapes', { 'x-postern-target': '/x/%2e%2e/balance' }, 'path-escape-unreserved'],
    ['with two slashes', { 'x-postern-target': '//balance' }, 'path-empty-segment'],
    ['with an absolute target', { 'x-postern-target': 'https://payments.demo.test/balance' }, 'target-absolute-form'],
    ['with a host that the service does not have', { 'x-postern-authority': 'evil.demo.test' }, 'host-not-served'],
    ['with a path that no route has', { 'x-postern-target': '/admin' }, 'path-not-routed'],
    ['with a method that the route does not have', { 'x-postern-method': 'DELETE' }, 'method-not-routed'],
    ['with a certificate that is none', { 'x-postern-peer-certificate': 'x' }, 'peer-certificate-malformed'],
    [
      'with a caller whose certificate it keeps to itself',
      { 'x-postern-peer-uri': 'spiffe://demo.test/storefront' },
      'peer-certificate-missing',
    ],
  ];
  test.each(rows)('%s', async (_, change, reason) => {
    await expectDenied(await ask(world, payments, { ...FACTS, ...change }), reason);
  });

  test('with more headers than a request has: by the transport, and never with an answer that a proxy takes for success', async () => {
    const answer = await ask(world, payments, { ...FACTS, 'x-long': 'x'.repeat(100 * 1024) }).catch(
      (fault: Error) => fault,
    );
    if (!(answer instanceof Error)) expect(answer.status).toBe(403);
  });

  test('in anything but HTTP', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const { port } = new URL(world.authorizeUrl);
      let received = '';
      const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false }, () =>
        socket.write('BREW /pot\r\n\r\n'),
      );
      socket
        .on('data', (chunk) => {
          received += chunk;
        })
        .on('end', () => resolve(received))
        .on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('the caller’s certificate', () => {
  const asking = (holder: Holder, uri = holder.spiffeId) => ({
    ...FACTS,
    'x-postern-peer-certificate': urlEncodedPem(holder.chain[0] as Uint8Array),
    'x-postern-peer-uri': uri,
  });

  test('names the caller, and the policy decides', async () => {
    const answer = await ask(world, payments, asking(storefront));
    expect([answer.status, answer.headers['x-postern-workload']]).toEqual([200, storefront.spiffeId]);
    await expectDenied(await ask(world, payments, asking(payments)), 'no-permit');
  });

  test('is believed and not the name beside it', async () => {
    await expectDenied(await ask(world, payments, asking(payments, storefront.spiffeId)), 'principal-mismatch');
  });
});

test('authorize shows an SVID of the trust domain, and what it shows has the reserved name', async () => {
  const { port } = new URL(world.authorizeUrl);
  const certificate = await new Promise<X509Certificate>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate() as X509Certificate);
      socket.destroy();
    }).on('error', reject);
  });
  expect(certificate.subjectAltName).toBe('URI:spiffe://demo.test/postern/authorize');
});

describe('an identity that counts no more', () => {
  async function own(run: (own: World, proxy: Holder, caller: Holder) => Promise<void>): Promise<void> {
    const other = await startWorld();
    try {
      const node = await joinAgent(other, 'node-1');
      const proxy = await issueWorkload(other, node, await enterWorkload(other, node, '/payments'));
      const caller = await issueWorkload(other, node, await enterWorkload(other, node, '/storefront'));
      await published(other);
      other.clock.advanceMs(REFRESH_MS);
      expect((await ask(other, proxy)).status).toBe(200);
      await run(other, proxy, caller);
    } finally {
      await other.remove();
    }
  }
  const reasonOf = async (other: World, { body }: { body: string }) => {
    const { decision } = JSON.parse(body) as { decision: string };
    return (await other.recordOf('decision', ({ id }) => id === decision))?.reason;
  };

  test('by expiry asks and calls in vain', () =>
    own(async (other, proxy) => {
      other.clock.advanceMs(5 * 60 * 60 * 1000);
      const answer = await ask(other, proxy);
      expect([answer.status, await reasonOf(other, answer)]).toEqual([403, 'enforcement-point-unknown']);
    }));

  test.each([
    ['by serial', ({ serial }: Holder) => `svid:${serial}`],
    ['by name', ({ spiffeId }: Holder) => `spiffe-id:${spiffeId}`],
    ['by its issuer', ({ chain }: Holder) => `issuer:${keyIdOf(chain[1] as Uint8Array)}`],
  ])('since it was revoked %s asks in vain, a second later', (_, subjectOf) =>
    own(async (other, proxy) => {
      await other.admin('POST', PATHS.admin.revocations, { subject: subjectOf(proxy), reason: 'lost' });
      other.clock.advanceMs(REFRESH_MS);
      const answer = await ask(other, proxy);
      expect([answer.status, await reasonOf(other, answer)]).toEqual([403, 'enforcement-point-unknown']);
    }),
  );

  test('since it was revoked calls in vain, a second later', () =>
    own(async (other, proxy, caller) => {
      const facts = { ...FACTS, 'x-postern-peer-certificate': urlEncodedPem(caller.chain[0] as Uint8Array) };
      expect((await ask(other, proxy, facts)).status).toBe(200);
      await other.admin('POST', PATHS.admin.revocations, { subject: `svid:${caller.serial}`, reason: 'lost' });
      other.clock.advanceMs(REFRESH_MS);
      const answer = await ask(other, proxy, facts);
      expect([answer.status, await reasonOf(other, answer)]).toEqual([403, 'svid-revoked']);
    }));

  /** Hex subject key id: the last 20 bytes of the extension that says so. */
  function keyIdOf(der: Uint8Array): string {
    const hex = Buffer.from(der).toString('hex');
    const at = hex.indexOf('0603551d0e');
    return hex.slice(hex.indexOf('0414', at) + 4, hex.indexOf('0414', at) + 44);
  }
});

describe('no decision is given', () => {
  test('before there is a release', async () => {
    const other = await startWorld();
    try {
      const node = await joinAgent(other, 'node-1');
      const proxy = await issueWorkload(other, node, await enterWorkload(other, node, '/payments'));
      const answer = await ask(other, proxy);
      expect([answer.status, JSON.parse(answer.body).code]).toEqual([503, 'unavailable']);
    } finally {
      await other.remove();
    }
  });

  test('that cannot be recorded: 503, and when it was recorded after all it is a record of an answer never given', async () => {
    const before = (await world.records('decision')).length;
    world.faults.objects = ({ operation }) => operation === 'putIfAbsent';
    for (let times = 0; times < 3; times++) {
      const answer = await ask(world, payments);
      expect([answer.status, answer.headers['retry-after'], answer.headers['postern-decision-id']]).toEqual([
        503,
        '1',
        undefined,
      ]);
    }
    delete world.faults.objects;
    expect((await ask(world, payments)).status).toBe(200);
    expect((await world.records('decision')).length).toBe(before + 4);
    expect((await world.verify()).ok).toBe(true);
  });

  test('whose record was taken and the answer lost: 503, and the trail still has each record once', async () => {
    const before = (await world.records('decision')).length;
    world.faults.table = ({ operation }) => (operation === 'transact' ? 'after' : 'none');
    expect((await ask(world, payments)).status).toBe(503);
    delete world.faults.table;
    expect((await ask(world, payments)).status).toBe(200);
    expect((await world.records('decision')).length).toBe(before + 2);
    expect(await world.verify()).toMatchObject({ ok: true });
  });

  test('from a feed that is no longer fresh', async () => {
    world.faults.table = ({ operation, pks }) => operation === 'get' && pks.includes('feed');
    world.clock.advanceMs(10 * 60 * 1000);
    await expectDenied(await ask(world, payments), 'state-stale');
    delete world.faults.table;
    world.clock.advanceMs(REFRESH_MS);
    expect((await ask(world, payments)).status).toBe(200);
  });

  test('from a feed that somebody tampered with: the older state goes stale, and the log says why', async () => {
    const item = await world.table.get({ pk: 'feed', sk: 'head' });
    await world.table.put({ pk: 'feed', sk: 'head', attributes: { ...item?.attributes, body: '{}' } });
    world.clock.advanceMs(10 * 60 * 1000);
    await expectDenied(await ask(world, payments), 'state-stale');
    expect(world.logs).toContainEqual(
      expect.objectContaining({ event: 'function-fault', error: expect.stringContaining('FeedTampered') }),
    );
    await world.table.put({ pk: 'feed', sk: 'head', attributes: { ...item?.attributes } });
  });
});

test('a user’s token, right or wrong, is in no record and no log line', async () => {
  const token = `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"iss":"https://idp.demo.test"}').toString('base64url')}.c2lnbmF0dXJl`;
  const answer = await ask(world, payments, { ...FACTS, authorization: `Bearer ${token}` });
  expect(answer.status).toBe(401);
  const segments = (await world.exportTrail()).segments.map(({ jws }) =>
    Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString(),
  );
  const everything = [...segments, JSON.stringify(world.logs)].join('\n');
  for (const part of token.split('.')) expect(everything).not.toContain(part);
});
