/** What keys do when KMS denies, is away or answers nonsense, and what they cost, by either set of clients. */
import { SignerUnavailable } from '@postern/keys';
import { expect, test } from 'vitest';
import { createKmsKeyRing } from './index.ts';
import { describeEachSet } from './testing/scripted_clients.ts';
import { type Answer, refusal } from './testing/scripted_server.ts';

describeEachSet('KMS', ({ server, clients }) => {
  const open = () =>
    createKmsKeyRing({ calls: clients().kms, keys: { signers: { jwt: 'k' }, macs: { facts: 'm', entries: 'm' } } });
  const derived: Answer = { status: 200, body: { Mac: Buffer.alloc(32, 1).toString('base64') } };

  test('that denies is unavailable, and asked once', async () => {
    server().answer(refusal('AccessDeniedException'));
    const ring = open();
    await expect(ring.signer('jwt')).rejects.toThrow(SignerUnavailable);
    await expect((await ring.mac('facts')).compute(new Uint8Array(1))).rejects.toThrow(SignerUnavailable);
    expect(server().requests()).toHaveLength(2);
  });

  test('that is away never makes a tag wrong or right', async () => {
    server().answer(refusal('KMSInternalException', 500));
    const mac = await open().mac('facts');
    await expect(mac.verify(new Uint8Array(1), new Uint8Array(32))).rejects.toThrow(SignerUnavailable);
  });

  test.each([
    ['nothing', {}],
    ['half a key', { Mac: Buffer.alloc(16).toString('base64') }],
    ['no base64', { Mac: '!' }],
  ])('that answers %s for a MAC has verified nothing', async (_what, body) => {
    server().answer({ status: 200, body });
    const mac = await open().mac('facts');
    await expect(mac.verify(new Uint8Array(1), new Uint8Array(32))).rejects.toThrow(SignerUnavailable);
  });

  test('is asked for a derived key once, however many tags there are, and again only after a failure', async () => {
    const ring = open();
    server().answer(refusal('AccessDeniedException'));
    await expect((await ring.mac('facts')).compute(new Uint8Array(1))).rejects.toThrow(SignerUnavailable);
    server().answer(derived);
    const tags = Array.from({ length: 1_000 }, async (_, index) =>
      (await ring.mac('facts')).compute(Buffer.from(String(index))),
    );
    expect(new Set((await Promise.all(tags)).map((tag) => Buffer.from(tag).toString('hex'))).size).toBe(1_000);
    expect(server().requests()).toHaveLength(1);
  });

  test('is asked for another derived key under every name, and both are those of SP 800-108', async () => {
    server().answer(derived);
    const ring = open();
    for (const name of ['facts', 'entries'] as const) await (await ring.mac(name)).compute(new Uint8Array(1));
    const asked = server()
      .requests()
      .map(({ body }) => JSON.parse(body) as { KeyId: string; Message: string });
    // One iteration: the number 1, the label, a zero, the context, the length in bits.
    expect(asked.map(({ Message }) => Buffer.from(Message, 'base64').toString('latin1'))).toEqual([
      '\0\0\0\x01postern mac key v1\0facts\0\0\x01\0',
      '\0\0\0\x01postern mac key v1\0entries\0\0\x01\0',
    ]);
    expect(asked.map(({ KeyId }) => KeyId)).toEqual(['m', 'm']);
  });

  test('is asked for a public key once, by those who sign and those who only look', async () => {
    const spki = 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=';
    server().answer({
      status: 200,
      body: { PublicKey: spki, KeyUsage: 'SIGN_VERIFY', SigningAlgorithms: ['ED25519_SHA_512'] },
    });
    const ring = createKmsKeyRing({ calls: clients().kms, keys: { signers: { checkpoint: 'k' }, macs: {} } });
    const [shown, signer] = await Promise.all([ring.publicKey('checkpoint'), ring.signer('checkpoint')]);
    expect(Buffer.from(shown).toString('base64')).toBe(spki);
    expect(signer).toBe(await ring.signer('checkpoint'));
    expect(server().requests()).toHaveLength(1);
  });

  test('is asked for no key that the function was not given', async () => {
    const ring = open();
    await expect(ring.signer('root')).rejects.toThrow(TypeError);
    await expect(ring.publicKey('root')).rejects.toThrow(TypeError);
    await expect(ring.mac('postures')).rejects.toThrow(TypeError);
    expect(server().requests()).toHaveLength(0);
  });
});
