import { expect, test } from 'vitest';
import { rememberX509Signatures } from './remembered_signatures.ts';
import { generateSoftwareSigner } from './software_signer.ts';
import type { X509SignatureInput } from './verify.ts';

const ECDSA_WITH_SHA256 = { oid: '1.2.840.10045.4.3.2' };

async function signed(text: string): Promise<X509SignatureInput> {
  const signer = generateSoftwareSigner('ES256');
  const message = Buffer.from(text);
  return { spki: signer.spki, algorithm: ECDSA_WITH_SHA256, message, signature: await signer.sign(message) };
}

test('what is good stays good; what differs from it in any part is looked at anew and refused', async () => {
  const verify = rememberX509Signatures();
  const [good, other] = [await signed('one'), await signed('two')];
  for (let call = 0; call < 3; call++) expect(verify(good)).toBe(true);
  const { spki, message, signature } = good;
  const changed: readonly X509SignatureInput[] = [
    { ...good, spki: other.spki },
    { ...good, message: other.message },
    { ...good, signature: other.signature },
    { ...good, algorithm: { oid: '1.2.840.10045.4.3.3' } },
    { ...good, algorithm: { ...ECDSA_WITH_SHA256, parameters: new Uint8Array() } },
    { ...good, algorithm: { ...ECDSA_WITH_SHA256, parameters: Uint8Array.of(5, 0) } },
    // The same bytes, divided otherwise.
    { ...good, message: Buffer.concat([message, signature.subarray(0, 1)]), signature: signature.subarray(1) },
    { ...good, spki: spki.subarray(0, -1), message: Buffer.concat([spki.subarray(-1), message]) },
  ];
  for (const input of changed) for (let call = 0; call < 2; call++) expect(verify(input)).toBe(false);
  expect(verify(good)).toBe(true);
});

test('more than it remembers is verified all the same', async () => {
  const verify = rememberX509Signatures(2);
  const all = await Promise.all(['one', 'two', 'three'].map(signed));
  for (let call = 0; call < 3; call++) for (const input of all) expect(verify(input)).toBe(true);
});
