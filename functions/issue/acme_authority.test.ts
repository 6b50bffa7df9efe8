/** The authority behind ACME's front: a front that is taken over gets nothing that no client asked for. */
import { PATHS, type Problem } from '@postern/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FunctionName } from '../access.ts';
import {
  type AcmeClient,
  compactOf,
  createAcmeClient,
  jwkOf,
  newAccountKey,
  ORIGIN,
  signEab,
  signJws,
} from '../testing/acme_client.ts';
import { type AcmeWorld, at, csrFor, openAcmeWorld } from '../testing/acme_world.ts';
import { jsonOf, principalOf } from '../testing/separate.ts';

type Owner = AcmeClient & { readonly eab: { readonly id: string; readonly hmacKey: string } };
interface Binding {
  readonly eab: string;
  readonly keyChanges: readonly string[];
}

let world: AcmeWorld;
let owner: Owner;
let binding: Binding;
beforeAll(async () => {
  world = await openAcmeWorld();
  owner = await world.client(['a.demo.test']);
  binding = { eab: compactOf(signEab(owner.eab, owner.key)), keyChanges: [] };
}, 30_000);
afterAll(() => world.remove());

const ask = (body: object, principal: string | undefined = principalOf('acme')) =>
  world.separate.call('issue', { method: 'POST', target: PATHS.acmeAuthority, principal, body });
const asked = async (body: object) => {
  const answer = await ask(body);
  expect(answer.status).toBe(200);
  return jsonOf<{ readonly ok: boolean; readonly reason?: string; readonly value?: { readonly serial: string } }>(
    answer,
  );
};
const finalizeUrl = `${ORIGIN}${PATHS.acme.finalize('0'.repeat(36))}`;
const finalize = async (of: AcmeClient, names: readonly string[] = ['a.demo.test'], url = finalizeUrl) =>
  compactOf(await of.sign(url, { csr: csrFor(newAccountKey(), names) }));
const issued = async () =>
  jsonOf<{ records: { serial: string }[] }>(
    await world.separate.call('audit', {
      target: `${PATHS.admin.records}?kind=issuance-begin`,
      principal: 'arn:aws:iam::111122223333:role/administrator',
    }),
  ).records.length;

describe('the door', () => {
  test.each(['admin', 'feed', 'rotate', 'ingest'] as const)(
    'is not that of the function %s',
    async (name: FunctionName) => {
      const answer = await ask({ ask: 'renewal', serial: '00' }, principalOf(name));
      expect([answer.status, jsonOf<Problem>(answer).code]).toEqual([403, 'not-permitted']);
    },
  );

  test('is nobody’s from outside', async () => {
    for (const principal of [undefined, 'arn:aws:iam::111122223333:role/administrator']) {
      const answer = await world.separate.call('issue', {
        ...{ method: 'POST', target: PATHS.acmeAuthority, principal },
        body: { ask: 'renewal', serial: '00' },
      });
      expect([answer.status, jsonOf<Problem>(answer).code]).toEqual([401, 'not-authenticated']);
    }
  });

  test.each([
    ['no question', {}],
    ['a question that nobody knows', { ask: 'sign' }],
    ['a question with more than it has', { ask: 'renewal', serial: '00', force: true }],
    ['no binding', { ask: 'issue', finalize: 'x' }],
    [
      'more changes of a key than an account has',
      { ask: 'grant', isNew: false, binding: { eab: 'x', keyChanges: Array(9).fill('x') } },
    ],
  ])('takes %s for a mistake', async (_, body) => {
    expect((await ask(body)).status).toBe(400);
  });
});

describe('nothing is issued', () => {
  const rows: [string, () => Promise<object>, string][] = [
    [
      'by the front’s word: a request by a key of its own',
      async () => ({
        binding,
        finalize: compactOf(
          await owner.sign(finalizeUrl, { csr: csrFor(newAccountKey(), ['a.demo.test']) }, {}, newAccountKey()),
        ),
      }),
      'jws-signature',
    ],
    [
      'by a binding that it made',
      async () => ({
        binding: { eab: compactOf(signEab({ id: owner.eab.id, hmacKey: 'AAAA' }, newAccountKey())), keyChanges: [] },
        finalize: await finalize(owner),
      }),
      'eab-signature',
    ],
    [
      'for a name that the entry does not grant',
      async () => ({ binding, finalize: await finalize(owner, ['a.demo.test', 'b.demo.test']) }),
      'csr-san-not-entitled',
    ],
    [
      'for an order, shown as what finalizes one',
      async () => ({
        binding,
        finalize: compactOf(await owner.sign(at.newOrder, { csr: csrFor(newAccountKey(), ['a.demo.test']) })),
      }),
      'jws-url',
    ],
    [
      'by a request for another server',
      async () => ({ binding, finalize: await finalize(owner, ['a.demo.test'], finalizeUrl.replace('demo', 'evil')) }),
      'jws-url',
    ],
    [
      'by a change of the key that its holder did not sign',
      async () => {
        const [thief, next] = [newAccountKey(), newAccountKey()];
        const inner = signJws(
          next,
          { alg: 'ES256', jwk: jwkOf(next), url: at.keyChange },
          { account: owner.account, oldKey: jwkOf(owner.key) },
        );
        const change = compactOf(await owner.sign(at.keyChange, inner, {}, thief));
        return {
          binding: { ...binding, keyChanges: [change] },
          finalize: compactOf(
            await owner.sign(finalizeUrl, { csr: csrFor(newAccountKey(), ['a.demo.test']) }, {}, next),
          ),
        };
      },
      'key-change-signature',
    ],
    [
      'by a binding that another account was made with',
      async () => {
        const thief = createAcmeClient(world.separate);
        return {
          binding: { eab: compactOf(signEab(owner.eab, thief.key)), keyChanges: [] },
          finalize: compactOf(
            await thief.sign(
              finalizeUrl,
              { csr: csrFor(newAccountKey(), ['a.demo.test']) },
              { jwk: undefined, kid: owner.account },
            ),
          ),
        };
      },
      'acme-key-used',
    ],
    [
      'without the account’s name',
      async () => ({
        binding,
        finalize: compactOf(
          await owner.sign(
            finalizeUrl,
            { csr: csrFor(newAccountKey(), ['a.demo.test']) },
            { kid: undefined, jwk: jwkOf(owner.key) },
          ),
        ),
      }),
      'jws-account',
    ],
  ];
  test.each(rows)('%s', async (_, make, reason) => {
    const question = await make();
    const before = await issued();
    expect(await asked({ ask: 'issue', ...question })).toMatchObject({ ok: false, reason });
    expect(await issued()).toBe(before);
  });

  test('twice for one request', async () => {
    const question = { ask: 'issue', binding, finalize: await finalize(owner) };
    expect(await asked(question)).toMatchObject({ ok: true });
    const before = await issued();
    expect(await asked(question)).toMatchObject({ ok: false, reason: 'request-used' });
    expect(await issued()).toBe(before);
  });

  test('when its key is deleted', async () => {
    const leaving = await world.client(['b.demo.test']);
    const own = { eab: compactOf(signEab(leaving.eab, leaving.key)), keyChanges: [] };
    await world.deleteKey(leaving.eab.id);
    expect(
      await asked({ ask: 'issue', binding: own, finalize: await finalize(leaving, ['b.demo.test']) }),
    ).toMatchObject({
      ok: false,
      reason: 'acme-key-unknown',
    });
  });
});

test('no certificate is taken back by the front’s word', async () => {
  const issuedNow = await asked({ ask: 'issue', binding, finalize: await finalize(owner) });
  const { chain } = issuedNow.value as unknown as { chain: readonly string[] };
  const certificate = Buffer.from(chain[0] ?? '', 'base64').toString('base64url');
  const thief = newAccountKey();
  const byThief = compactOf(await owner.sign(at.revokeCert, { certificate }, {}, thief));
  expect(await asked({ ask: 'revoke', binding, revocation: byThief })).toMatchObject({ reason: 'jws-signature' });
  const byOwnKey = compactOf(
    await owner.sign(at.revokeCert, { certificate }, { kid: undefined, jwk: jwkOf(thief) }, thief),
  );
  expect(await asked({ ask: 'revoke', revocation: byOwnKey })).toMatchObject({ reason: 'certificate-of-another' });
  const asOther = compactOf(await owner.sign(at.newOrder, { certificate }));
  expect(await asked({ ask: 'revoke', binding, revocation: asOther })).toMatchObject({ reason: 'jws-url' });
});
