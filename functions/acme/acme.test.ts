/** ACME's front as it is deployed: what it gives, and above all what it does not. */
import { createHmac, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { PATHS, type RevocationsAnswer } from '@postern/api';
import { readOwnCertificate } from '@postern/ca';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type AcmeClient,
  type Answer,
  compactOf,
  createAcmeClient,
  type Header,
  type Jws,
  jwkOf,
  newAccountKey,
  ORIGIN,
  signEab,
  signJws,
} from '../testing/acme_client.ts';
import { type AcmeWorld, at, csrFor, openAcmeWorld } from '../testing/acme_world.ts';
import { ADMINISTRATOR, jsonOf } from '../testing/separate.ts';

let world: AcmeWorld;
let client: AcmeClient;
beforeAll(async () => {
  world = await openAcmeWorld();
  client = await world.client(['a.demo.test', 'b.demo.test']);
}, 30_000);
afterAll(() => world.remove());

const dns = (...names: readonly string[]) => ({ identifiers: names.map((value) => ({ type: 'dns', value })) });
const location = (answer: Answer) => answer.headers.get('location') ?? '';

/** A problem of ACME's, with a nonce to go on with, and the reason on record. */
async function expectRefused(answer: Answer, status: number, type: string, reason: string): Promise<void> {
  expect([answer.status, answer.body?.type], answer.text).toEqual([status, `urn:ietf:params:acme:error:${type}`]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.headers.get('replay-nonce')).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(await world.refusals()).toContain(reason);
}

test('the directory leads to every door, and says that an account needs a binding', async () => {
  const answer = await world.separate.call('acme', { target: PATHS.acme.directory });
  expect(jsonOf(answer)).toEqual({
    newNonce: `${ORIGIN}/acme/new-nonce`,
    newAccount: at.newAccount,
    newOrder: at.newOrder,
    revokeCert: at.revokeCert,
    keyChange: at.keyChange,
    renewalInfo: `${ORIGIN}/acme/renewal-info`,
    meta: { externalAccountRequired: true },
  });
});

test.each([
  ['HEAD', 200],
  ['GET', 204],
])('%s answers a nonce and nothing else', async (method, status) => {
  const answer = await world.separate.call('acme', { method, target: PATHS.acme.newNonce });
  expect([answer.status, Buffer.from(answer.body).length]).toEqual([status, 0]);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'replay-nonce': expect.stringMatching(/^[A-Za-z0-9_-]+$/),
    'cache-control': 'no-store',
  });
});

describe('a request is refused, and nothing comes of it,', () => {
  const orders = async () => (await client.post(`${ORIGIN}${PATHS.acme.orders(idOf(client))}`)).body.orders;
  const idOf = (of: AcmeClient) => of.account?.split('/').at(-1) ?? '';
  const changed = (change: Header) => client.sign(at.newOrder, dns('a.demo.test'), change);
  const hs256 = async (): Promise<Jws> => {
    const { protected: header, payload } = await changed({ alg: 'HS256' });
    // The public key as a secret, which everybody has.
    const secret = JSON.stringify(jwkOf(client.key));
    return {
      protected: header,
      payload,
      signature: createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url'),
    };
  };
  const spent = async () => {
    const jws = await changed({});
    expect((await client.send(at.newOrder, jws)).status).toBe(201);
    return jws;
  };
  const stale = async () => {
    const jws = await changed({});
    world.separate.clock.advanceMs(31 * 60_000);
    return jws;
  };
  const rows: [string, () => Promise<unknown>, number, string, string][] = [
    ['with a nonce of nobody', () => changed({ nonce: 'bm9uY2U' }), 400, 'badNonce', 'nonce-unknown'],
    ['without a nonce', () => changed({ nonce: undefined }), 400, 'badNonce', 'nonce-unknown'],
    ['with a nonce of half an hour ago', stale, 400, 'badNonce', 'nonce-unknown'],
    ['that was served', spent, 400, 'badNonce', 'nonce-used'],
    ['signed for another URL', () => changed({ url: at.keyChange }), 403, 'unauthorized', 'jws-url'],
    [
      'signed for another server',
      () => changed({ url: at.newOrder.replace('demo', 'evil') }),
      403,
      'unauthorized',
      'jws-url',
    ],
    ['signed for the URL with a query', () => changed({ url: `${at.newOrder}?` }), 403, 'unauthorized', 'jws-url'],
    [
      'unsigned',
      async () => ({ ...(await changed({ alg: 'none' })), signature: '' }),
      400,
      'badSignatureAlgorithm',
      'jws-algorithm',
    ],
    ['with a MAC by the public key', hs256, 400, 'badSignatureAlgorithm', 'jws-algorithm'],
    ['that says another algorithm', () => changed({ alg: 'ES384' }), 400, 'malformed', 'jws-signature'],
    ['with an account and a key', () => changed({ jwk: jwkOf(client.key) }), 400, 'malformed', 'jws-header'],
    ['with neither account nor key', () => changed({ kid: undefined }), 400, 'malformed', 'jws-header'],
    [
      'with a key in place of the account',
      () => changed({ kid: undefined, jwk: jwkOf(client.key) }),
      400,
      'malformed',
      'jws-key-shown',
    ],
    [
      'by another key',
      () => client.sign(at.newOrder, dns('a.demo.test'), {}, newAccountKey()),
      400,
      'malformed',
      'jws-signature',
    ],
    [
      'of no account',
      () => changed({ kid: `${ORIGIN}/acme/account/${'0'.repeat(36)}` }),
      400,
      'accountDoesNotExist',
      'account-unknown',
    ],
    [
      'of an account elsewhere',
      () => changed({ kid: client.account?.replace('demo', 'evil') }),
      400,
      'accountDoesNotExist',
      'account-unknown',
    ],
    [
      'of an account by its bare id',
      () => changed({ kid: idOf(client) }),
      400,
      'accountDoesNotExist',
      'account-unknown',
    ],
    [
      'with extensions that must be understood',
      () => changed({ crit: ['b64'], b64: false }),
      400,
      'malformed',
      'jws-form',
    ],
    ['with a payload that is not encoded', () => changed({ b64: false }), 400, 'malformed', 'jws-header'],
    [
      'with a header that nobody signed',
      async () => ({ ...(await changed({})), header: { kid: 'x' } }),
      400,
      'malformed',
      'jws-form',
    ],
    ['of several signatures', async () => ({ ...(await changed({})), signatures: [] }), 400, 'malformed', 'jws-form'],
    ['with a dot in a part', async () => ({ ...(await changed({})), payload: 'a.b' }), 400, 'malformed', 'jws-form'],
    ['in compact form', async () => compactOf(await changed({})), 400, 'malformed', 'body-not-object'],
    [
      'with a payload that is a list',
      async () => client.sign(at.newOrder, '[]'),
      400,
      'malformed',
      'payload-malformed',
    ],
    [
      'with a payload that is no JSON',
      async () => client.sign(at.newOrder, '{'),
      400,
      'malformed',
      'payload-malformed',
    ],
    [
      'changed after it was signed',
      async () => ({
        ...(await changed({})),
        payload: Buffer.from(JSON.stringify(dns('b.demo.test'))).toString('base64url'),
      }),
      400,
      'malformed',
      'jws-signature',
    ],
  ];
  test.each(rows)('%s', async (_, make, status, type, reason) => {
    const jws = await make();
    const before = await orders();
    await expectRefused(await client.send(at.newOrder, jws), status, type, reason);
    expect(await orders()).toEqual(before);
  });

  test('as plain JSON', async () => {
    const jws = await client.sign(at.newOrder, dns('a.demo.test'));
    await expectRefused(await client.send(at.newOrder, jws, 'application/json'), 415, 'malformed', 'content-type');
  });

  test('with a key too weak to sign', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const header = {
      alg: 'RS256',
      nonce: await client.nonce(),
      url: at.newAccount,
      jwk: publicKey.export({ format: 'jwk' }),
    };
    await expectRefused(
      await client.send(at.newAccount, signJws(privateKey, header, {})),
      400,
      'badPublicKey',
      'jws-key',
    );
  });

  test('of more than any request has, before it is read', async () => {
    const answer = await client.send(at.newOrder, { ...(await changed({})), payload: 'x'.repeat(40_000) });
    expect(answer.status).toBe(413);
  });

  test('when two have the same nonce at once: one of them is served', async () => {
    const nonce = await client.nonce();
    const both = await Promise.all([1, 2].map(() => client.post(at.newOrder, dns('a.demo.test'), { nonce })));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 400]);
  });
});

describe('no account is made', () => {
  const register = async (make: (stranger: AcmeClient) => Promise<object> | object) => {
    const stranger = createAcmeClient(world.separate);
    const answer = await stranger.post(at.newAccount, { termsOfServiceAgreed: true, ...(await make(stranger)) });
    const { status } = await stranger.post(at.newAccount, { onlyReturnExisting: true });
    return { answer, exists: status === 200 };
  };
  const fresh = async (more = {}) => world.createKey((await world.enter(['c.demo.test'])).id, more);
  const bound = (eab: unknown) => ({ externalAccountBinding: eab });
  const rows: [string, (stranger: AcmeClient) => Promise<object> | object, number, string, string][] = [
    ['without a binding', () => ({}), 403, 'externalAccountRequired', 'eab-missing'],
    ['with a binding that is none', () => bound({}), 400, 'malformed', 'eab-malformed'],
    [
      'by a key that nobody made',
      ({ key }) => bound(signEab({ id: '0'.repeat(36), hmacKey: 'AAAA' }, key)),
      403,
      'unauthorized',
      'eab-signature',
    ],
    [
      'by a key whose id is none',
      ({ key }) => bound(signEab({ id: '../x', hmacKey: 'AAAA' }, key)),
      403,
      'unauthorized',
      'eab-key-unknown',
    ],
    [
      'with the wrong secret',
      async ({ key }) => bound(signEab({ ...(await fresh()), hmacKey: 'AAAA' }, key)),
      403,
      'unauthorized',
      'eab-signature',
    ],
    [
      'for another account key',
      async () => bound(signEab(await fresh(), newAccountKey())),
      400,
      'malformed',
      'eab-account-key',
    ],
    [
      'by a binding for another URL',
      async ({ key }) => bound(signEab(await fresh(), key, { url: at.newOrder })),
      400,
      'malformed',
      'eab-url',
    ],
    [
      'by a binding that says another MAC',
      async ({ key }) => bound(signEab(await fresh(), key, { alg: 'HS512' })),
      400,
      'malformed',
      'eab-malformed',
    ],
    [
      'by a binding without a MAC',
      async ({ key }) => bound({ ...signEab(await fresh(), key, { alg: 'none' }), signature: '' }),
      400,
      'malformed',
      'eab-malformed',
    ],
    [
      'by a binding with a nonce',
      async ({ key }) => bound(signEab(await fresh(), key, { nonce: 'x' })),
      400,
      'malformed',
      'eab-malformed',
    ],
    [
      'by a binding that the account signed itself',
      ({ key }) => bound(signJws(key, { alg: 'ES256', url: at.newAccount }, jwkOf(key))),
      403,
      'unauthorized',
      'eab-key-unknown',
    ],
    [
      'by a key that was deleted',
      async ({ key }) => {
        const eab = await fresh();
        await world.deleteKey(eab.id);
        return bound(signEab(eab, key));
      },
      403,
      'unauthorized',
      'acme-key-unknown',
    ],
    [
      'by a key that made another account',
      async ({ key }) => {
        const eab = await fresh();
        expect((await createAcmeClient(world.separate).register(eab)).status).toBe(201);
        return bound(signEab(eab, key));
      },
      403,
      'unauthorized',
      'acme-key-used',
    ],
    [
      'by a key whose time is over',
      async ({ key }) => {
        const eab = await fresh({ ttlSeconds: 60 });
        world.separate.clock.advanceMs(60_000);
        return bound(signEab(eab, key));
      },
      403,
      'unauthorized',
      'acme-key-expired',
    ],
    [
      'with a contact that is no address',
      async ({ key }) => ({ ...bound(signEab(await fresh(), key)), contact: ['tel:1'] }),
      400,
      'unsupportedContact',
      'contact-scheme',
    ],
    [
      'with header fields in its contact',
      async ({ key }) => ({ ...bound(signEab(await fresh(), key)), contact: ['mailto:a@b.test?cc=c@d.test'] }),
      400,
      'invalidContact',
      'contact-malformed',
    ],
  ];
  test.each(rows)('%s', async (_, make, status, type, reason) => {
    const { answer, exists } = await register(make);
    await expectRefused(answer, status, type, reason);
    expect(exists).toBe(false);
  });

  test('and no nonce is stored for strangers, whatever key they show', async () => {
    const nonce = await client.nonce();
    const stranger = createAcmeClient(world.separate);
    for (const payload of [{}, bound(signEab({ id: '0'.repeat(36), hmacKey: 'AAAA' }, stranger.key))])
      expect((await stranger.post(at.newAccount, payload, { nonce })).status).toBe(403);
    expect(await world.separate.table.get({ pk: `acme-nonce#${nonce}`, sk: 'spent' })).toBeUndefined();
  });

  test('by a request that was served before', async () => {
    const eab = await fresh();
    const newcomer = createAcmeClient(world.separate);
    const payload = { externalAccountBinding: signEab(eab, newcomer.key) };
    const jws = await newcomer.sign(at.newAccount, payload);
    expect((await newcomer.send(at.newAccount, jws)).status).toBe(201);
    await expectRefused(await newcomer.send(at.newAccount, jws), 400, 'badNonce', 'nonce-used');
  });

  test('twice for one key: the same one is answered, with and without a binding', async () => {
    const [again, existing] = [
      await client.post(at.newAccount, {}, { kid: undefined, jwk: jwkOf(client.key) }),
      await client.post(at.newAccount, { onlyReturnExisting: true }, { kid: undefined, jwk: jwkOf(client.key) }),
    ];
    expect([again.status, location(again)]).toEqual([200, client.account]);
    expect([existing.status, location(existing)]).toEqual([200, client.account]);
  });

  test('by two at once with one key of an administrator: one of them has it', async () => {
    const eab = await fresh();
    const both = await Promise.all([1, 2, 3].map(() => createAcmeClient(world.separate).register(eab)));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 403, 403]);
  });
});

describe('an account', () => {
  test('that is deactivated does nothing more, and its key makes no other', async () => {
    const leaving = await world.client(['d.demo.test']);
    expect((await leaving.post(leaving.account ?? '', { status: 'deactivated' })).body.status).toBe('deactivated');
    await expectRefused(
      await leaving.post(at.newOrder, dns('d.demo.test')),
      403,
      'unauthorized',
      'account-deactivated',
    );
    const eab = await world.createKey((await world.enter(['d.demo.test'])).id);
    expect((await leaving.register(eab)).status).toBe(403);
  });

  test('is nobody else’s to look at or to change', async () => {
    const other = await world.client(['e.demo.test']);
    await expectRefused(await other.post(client.account ?? ''), 404, 'malformed', 'account-of-another');
    await expectRefused(
      await other.post(client.account ?? '', { status: 'deactivated' }),
      404,
      'malformed',
      'account-of-another',
    );
    expect((await client.post(client.account ?? '')).body.status).toBe('valid');
  });

  test('changes its contacts', async () => {
    const changed = await client.post(client.account ?? '', { contact: ['mailto:team@demo.test'] });
    expect(changed.body).toMatchObject({ status: 'valid', contact: ['mailto:team@demo.test'] });
  });
});

describe('an order', () => {
  const rows: [string, object, number, string, string][] = [
    [
      'for a name that is not granted',
      dns('a.demo.test', 'x.demo.test'),
      400,
      'rejectedIdentifier',
      'name-not-granted',
    ],
    ['for a wildcard', dns('*.demo.test'), 400, 'rejectedIdentifier', 'identifier-wildcard'],
    ['for a name in capitals', dns('A.demo.test'), 400, 'rejectedIdentifier', 'identifier-syntax'],
    ['for a name with a dot at its end', dns('a.demo.test.'), 400, 'rejectedIdentifier', 'identifier-syntax'],
    [
      'for a name that is a SPIFFE ID to a proxy',
      dns('spiffe://demo.test/a'),
      400,
      'rejectedIdentifier',
      'identifier-syntax',
    ],
    [
      'for an address',
      { identifiers: [{ type: 'ip', value: '10.0.0.1' }] },
      400,
      'unsupportedIdentifier',
      'identifier-type',
    ],
    ['for one name twice', dns('a.demo.test', 'a.demo.test'), 400, 'malformed', 'identifiers-malformed'],
    ['for nothing', dns(), 400, 'malformed', 'identifiers-malformed'],
    [
      'for more names than an entry has',
      dns(...Array.from({ length: 17 }, (_, i) => `n${i}.demo.test`)),
      400,
      'malformed',
      'identifiers-malformed',
    ],
    [
      'that says how long its certificate lives',
      { ...dns('a.demo.test'), notAfter: '2099-01-01T00:00:00Z' },
      400,
      'malformed',
      'order-times',
    ],
  ];
  test.each(rows)('%s is refused', async (_, payload, status, type, reason) => {
    await expectRefused(await client.post(at.newOrder, payload), status, type, reason);
  });

  test('of another account is not there: to read, to answer, to finalize or to fetch', async () => {
    const { order, answer } = await world.issue(client, ['a.demo.test']);
    const { authorizations, finalize, certificate } = answer.body;
    const [challenge] = (await client.post(authorizations[0])).body.challenges;
    const other = await world.client(['a.demo.test']);
    for (const [url, payload] of [
      [order],
      [authorizations[0]],
      [authorizations[0], { status: 'deactivated' }],
      [challenge.url, {}],
      [finalize, { csr: csrFor(newAccountKey(), ['a.demo.test']) }],
      [certificate],
    ] as const)
      expect((await other.post(url, payload)).status, url).toBe(404);
  });

  test('is bounded in number for an account, and says when to come again', async () => {
    const busy = await world.client(['f.demo.test']);
    const statuses: number[] = [];
    let last: Answer | undefined;
    for (let count = 0; count < 61; count++) {
      last = await busy.post(at.newOrder, dns('f.demo.test'));
      statuses.push(last.status);
    }
    expect(statuses.filter((status) => status === 201)).toHaveLength(60);
    await expectRefused(last as Answer, 429, 'rateLimited', 'orders-too-many');
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('of an entry that is gone, or of a key that is deleted, is refused', async () => {
    const gone = await world.client(['g.demo.test']);
    const { entryId } = (gone as unknown as { eab: { entryId: string } }).eab;
    await world.separate.call('admin', {
      method: 'DELETE',
      target: PATHS.admin.entry(entryId),
      principal: ADMINISTRATOR,
    });
    await expectRefused(await gone.post(at.newOrder, dns('g.demo.test')), 403, 'unauthorized', 'entry-unknown');
    const keyless = await world.client(['h.demo.test']);
    const order = await world.readyOrder(keyless, ['h.demo.test']);
    await world.deleteKey(keyless.eab.id);
    await expectRefused(await keyless.post(at.newOrder, dns('h.demo.test')), 403, 'unauthorized', 'acme-key-unknown');
    const late = await keyless.post(order.body.finalize, { csr: csrFor(newAccountKey(), ['h.demo.test']) });
    await expectRefused(late, 403, 'unauthorized', 'acme-key-unknown');
    expect((await keyless.post(location(order))).body.status).toBe('invalid');
  });
});

describe('a challenge', () => {
  test('is not fetched from a private address, and the order is over', async () => {
    const inside = await openAcmeWorld({});
    const insider = await inside.client(['a.demo.test']);
    const ordered = await insider.post(at.newOrder, dns('a.demo.test'));
    const [challenge] = (await insider.post(ordered.body.authorizations[0])).body.challenges;
    const looked = await insider.post(challenge.url, {});
    expect(looked.body).toMatchObject({
      status: 'invalid',
      error: { type: 'urn:ietf:params:acme:error:rejectedIdentifier' },
    });
    expect((await insider.post(location(ordered))).body.status).toBe('invalid');
    await inside.remove();
  });

  test('is not looked at when it is merely read, and once when it is asked for', async () => {
    const ordered = await client.post(at.newOrder, dns('a.demo.test'));
    const { url, token } = (await client.post(ordered.body.authorizations[0])).body.challenges[0];
    expect((await client.post(url)).body).toMatchObject({ status: 'pending' });
    // What another account would compute.
    world.answers.set(token, `${token}.${'x'.repeat(43)}`);
    expect((await client.post(url, {})).body).toMatchObject({
      status: 'invalid',
      error: { type: expect.stringMatching(/incorrectResponse$/) },
    });
    world.answers.delete(token);
    expect((await client.post(url, {})).body.status).toBe('invalid');
  }, 20_000);

  test('of an authorization that was given up is over', async () => {
    const ordered = await client.post(at.newOrder, dns('a.demo.test'));
    const [url] = ordered.body.authorizations;
    expect((await client.post(url, { status: 'deactivated' })).body.status).toBe('deactivated');
    const [challenge] = (await client.post(url)).body.challenges;
    expect((await client.post(challenge.url, {})).body.status).toBe('invalid');
    expect((await client.post(location(ordered))).body.status).toBe('invalid');
  });
});

describe('finalizing', () => {
  test('before the names are shown is refused', async () => {
    const ordered = await client.post(at.newOrder, dns('a.demo.test'));
    const early = await client.post(ordered.body.finalize, { csr: csrFor(newAccountKey(), ['a.demo.test']) });
    await expectRefused(early, 403, 'orderNotReady', 'order-pending');
  });

  const key = newAccountKey();
  const rows: [string, (of: AcmeClient) => unknown, string][] = [
    ['other names', () => csrFor(key, ['a.demo.test', 'b.demo.test']), 'csr-names'],
    ['fewer names', () => csrFor(key, []), 'csr-names'],
    ['the account’s own key', (of) => csrFor(of.key, ['a.demo.test']), 'csr-account-key'],
    [
      'a SPIFFE ID, where the certificate is a server’s',
      () => csrFor(key, ['a.demo.test'], ['spiffe://demo.test/web-1']),
      'csr-san-not-entitled',
    ],
    [
      'two SPIFFE IDs',
      () => csrFor(key, ['a.demo.test'], ['spiffe://demo.test/a', 'spiffe://demo.test/b']),
      'csr-names',
    ],
    ['what is no request', () => 'AAAA', 'csr-malformed'],
    ['no request', () => undefined, 'csr-malformed'],
  ];
  test.each(rows)('with %s is refused, and the order stays ready', async (_, make, reason) => {
    const order = await world.readyOrder(client, ['a.demo.test']);
    await expectRefused(await client.post(order.body.finalize, { csr: make(client) }), 400, 'badCSR', reason);
    expect((await client.post(location(order))).body.status).toBe('ready');
  });

  test('twice gives one certificate', async () => {
    const { answer } = await world.issue(client, ['a.demo.test']);
    const again = await client.post(answer.body.finalize, { csr: csrFor(newAccountKey(), ['a.demo.test']) });
    await expectRefused(again, 403, 'orderNotReady', 'order-valid');
  });

  test('gives a server’s certificate that lives as long as its entry says', async () => {
    const short = await world.client(['i.demo.test'], { ttlSeconds: 600 });
    const { chain } = await world.issue(short, ['i.demo.test']);
    const leaf = new X509Certificate(chain[0] as string);
    expect(leaf.subjectAltName).toBe('DNS:i.demo.test');
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(leaf.validToDate.getTime() - world.separate.clock.nowMs()).toBeLessThanOrEqual(600_000);
  });
});

describe('the account’s key', () => {
  const change = (of: AcmeClient, next: ReturnType<typeof newAccountKey>, header: Header = {}, payload: object = {}) =>
    signJws(
      next,
      { alg: 'ES256', jwk: jwkOf(next), url: at.keyChange, ...header },
      { account: of.account, oldKey: jwkOf(of.key), ...payload },
    );

  test('changes by both signatures: the new one orders and finalizes, the old one is nobody’s', async () => {
    const rolling = await world.client(['j.demo.test']);
    const [old, next] = [rolling.key, newAccountKey()];
    expect((await rolling.post(at.keyChange, change(rolling, next))).status).toBe(200);
    await expectRefused(await rolling.post(at.newOrder, dns('j.demo.test')), 400, 'malformed', 'jws-signature');
    rolling.use(next);
    expect((await world.issue(rolling, ['j.demo.test'])).chain.length).toBeGreaterThan(1);
    const back = await rolling.post(at.keyChange, change(rolling, old));
    expect(back.status).toBe(409);
  });

  const rows: [string, (of: AcmeClient, next: ReturnType<typeof newAccountKey>) => object, number, string][] = [
    [
      'to one that did not sign',
      (of, next) => ({ ...change(of, next), signature: change(of, newAccountKey()).signature }),
      400,
      'key-change-signature',
    ],
    ['of another account', (of, next) => change(of, next, {}, { account: client.account }), 400, 'key-change-account'],
    [
      'from another old key',
      (of, next) => change(of, next, {}, { oldKey: jwkOf(client.key) }),
      400,
      'key-change-account',
    ],
    ['for another URL inside', (of, next) => change(of, next, { url: at.newOrder }), 400, 'key-change-malformed'],
    ['with a nonce inside', (of, next) => change(of, next, { nonce: 'x' }), 400, 'key-change-malformed'],
    [
      'by the account’s name inside',
      (of, next) => change(of, next, { jwk: undefined, kid: of.account }),
      400,
      'key-change-malformed',
    ],
    ['to another account’s', (of) => change(of, client.key), 409, 'account-key-taken'],
  ];
  test.each(rows)('does not change %s', async (_, make, status, reason) => {
    const staying = await world.client(['k.demo.test']);
    await expectRefused(await staying.post(at.keyChange, make(staying, newAccountKey())), status, 'malformed', reason);
    expect((await staying.post(at.newOrder, dns('k.demo.test'))).status).toBe(201);
  });
});

describe('a certificate', () => {
  const derOf = (pem: string | undefined) => new X509Certificate(pem ?? '').raw.toString('base64url');
  const revocations = async () =>
    jsonOf<RevocationsAnswer>(
      await world.separate.call('admin', { target: PATHS.admin.revocations, principal: ADMINISTRATOR }),
    ).revocations.map(({ subject }) => subject);
  const subjectOf = (pem: string | undefined) => `svid:${new X509Certificate(pem ?? '').serialNumber.toLowerCase()}`;

  test('is taken back by its account, once, for a reason', async () => {
    const { chain } = await world.issue(client, ['a.demo.test']);
    const certificate = derOf(chain[0]);
    await expectRefused(
      await client.post(at.revokeCert, { certificate, reason: 2 }),
      400,
      'badRevocationReason',
      'revocation-reason',
    );
    expect(await revocations()).not.toContain(subjectOf(chain[0]));
    expect((await client.post(at.revokeCert, { certificate, reason: 1 })).status).toBe(200);
    expect(await revocations()).toContain(subjectOf(chain[0]));
    await expectRefused(await client.post(at.revokeCert, { certificate }), 400, 'alreadyRevoked', 'already-revoked');
  });

  test('is taken back by its own key, without an account', async () => {
    const { chain, key } = await world.issue(client, ['a.demo.test']);
    const holder = createAcmeClient(world.separate, key);
    expect((await holder.post(at.revokeCert, { certificate: derOf(chain[0]) })).status).toBe(200);
    expect(await revocations()).toContain(subjectOf(chain[0]));
  });

  test('is nobody else’s to take back', async () => {
    const { chain } = await world.issue(client, ['a.demo.test']);
    const certificate = derOf(chain[0]);
    const other = await world.client(['a.demo.test']);
    await expectRefused(
      await other.post(at.revokeCert, { certificate }),
      403,
      'unauthorized',
      'certificate-of-another',
    );
    const stranger = createAcmeClient(world.separate);
    await expectRefused(
      await stranger.post(at.revokeCert, { certificate }),
      403,
      'unauthorized',
      'certificate-of-another',
    );
    // An issuer of ours, by somebody who would like it gone.
    await expectRefused(
      await other.post(at.revokeCert, { certificate: derOf(chain[1]) }),
      400,
      'malformed',
      'certificate-unknown',
    );
    expect(await revocations()).not.toContain(subjectOf(chain[0]));
  });

  test('is replaced by one order, and that of its own account', async () => {
    const { chain } = await world.issue(client, ['a.demo.test']);
    const [leaf, issuer] = chain.map((pem) => readOwnCertificate(new X509Certificate(pem).raw));
    const replaces = [issuer?.subjectKeyId ?? '', leaf?.serial ?? '']
      .map((hex) => Buffer.from(hex, 'hex').toString('base64url'))
      .join('.');
    const info = await world.separate.call('acme', { target: PATHS.acme.renewal(replaces) });
    expect(info.status).toBe(200);
    const other = await world.client(['a.demo.test']);
    await expectRefused(
      await other.post(at.newOrder, { ...dns('a.demo.test'), replaces }),
      403,
      'unauthorized',
      'replaces-of-another',
    );
    await expectRefused(
      await client.post(at.newOrder, { ...dns('b.demo.test'), replaces }),
      403,
      'unauthorized',
      'replaces-of-another',
    );
    const first = await client.post(at.newOrder, { ...dns('a.demo.test'), replaces });
    expect(first.body).toMatchObject({ replaces });
    await expectRefused(
      await client.post(at.newOrder, { ...dns('a.demo.test'), replaces }),
      409,
      'alreadyReplaced',
      'replaced-already',
    );
    await client.post(first.body.authorizations[0], { status: 'deactivated' });
    expect((await client.post(at.newOrder, { ...dns('a.demo.test'), replaces })).status).toBe(201);
    await expectRefused(
      await client.post(at.newOrder, { ...dns('a.demo.test'), replaces: `${replaces}A` }),
      400,
      'malformed',
      'replaces-unknown',
    );
    expect((await world.separate.call('acme', { target: PATHS.acme.renewal(`${replaces}A`) })).status).toBe(404);
  });
});
