/** What every key store promises of a key's later generations. */
import { describe, expect, test } from 'vitest';
import { publicKeyFromSpki } from '../public_key.ts';
import { type KeyRing, SIGNING_ALGORITHMS, SignerUnavailable } from '../signer.ts';
import { verifySignature } from '../verify.ts';

/** `open`: one store with nothing but first generations of `root` and `jwt`, opened as often as it is called. */
export function describeGenerations(title: string, create: () => Promise<() => KeyRing>): void {
  describe(title, () => {
    test.each(['root', 'jwt'] as const)('a later %s is not there until it is made', async (name) => {
      const open = await create();
      await expect(open().signer(name, 2)).rejects.toBeInstanceOf(SignerUnavailable);
      await expect(open().publicKey(name, 2)).rejects.toBeInstanceOf(SignerUnavailable);
    });

    test.each(['root', 'jwt'] as const)(
      'a %s that was made signs, in every process, and is another key',
      async (name) => {
        const open = await create();
        const first = await open().signer(name);
        await open().create(name, 2);
        const signer = await open().signer(name, 2);
        const shown = await open().publicKey(name, 2);
        expect(Buffer.compare(shown, signer.spki)).toBe(0);
        expect(signer.keyId).not.toBe(first.keyId);
        expect((await open().signer(name, 1)).keyId).toBe(first.keyId);
        const message = new Uint8Array(100).fill(1);
        const key = publicKeyFromSpki(shown);
        if (key === undefined) throw new Error('no key');
        expect(verifySignature(SIGNING_ALGORITHMS[name], key, message, await signer.sign(message), 'x509')).toBe(true);
      },
    );

    test('one that is asked to be made again stays the key it was', async () => {
      const open = await create();
      const ring = open();
      await expect(ring.signer('root', 2)).rejects.toBeInstanceOf(SignerUnavailable);
      await ring.create('root', 2);
      const { keyId } = await ring.signer('root', 2);
      await ring.create('root', 2);
      await open().create('root', 2);
      expect((await open().signer('root', 2)).keyId).toBe(keyId);
      expect((await open().signer('root')).keyId).not.toBe(keyId);
    });

    test.each([0, -1, 1.5, Number.NaN, 10_000])('%d is no generation', async (generation) => {
      const open = await create();
      await expect(open().signer('root', generation)).rejects.toThrow(RangeError);
      await expect(open().create('root', generation)).rejects.toThrow(RangeError);
    });

    test('a key without successors has none', async () => {
      const open = await create();
      await expect(open().signer('assertion', 2)).rejects.toThrow(RangeError);
    });
  });
}
