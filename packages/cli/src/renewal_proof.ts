/** The proof of an SVID that is renewed by its own key: signed over this one call. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure } from './failure.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** `folder`: with `svid.pem` and `key.pem`, as `svid attest` writes them. Answers the header. */
export async function createRenewalProof(
  folder: string,
  call: { readonly target: string; readonly body: string; readonly audience: string; readonly nowMs: number },
): Promise<{ readonly [header: string]: string }> {
  const { createRequestProof, REQUEST_PROOF_HEADER } = await import('@postern/identity');
  const { algorithmOfKey, createSoftwareSigner } = await import('@postern/keys');
  try {
    const certificates = (readFileSync(join(folder, 'svid.pem'), 'utf8').match(CERTIFICATE) ?? []).map(
      (pem) => new X509Certificate(pem),
    );
    const key = createPrivateKey(readFileSync(join(folder, 'key.pem')));
    const algorithm = algorithmOfKey(createPublicKey(key));
    if (algorithm === undefined) throw new TypeError('a key that signs nothing');
    const trustDomain = /URI:spiffe:\/\/([^/,]+)/.exec(certificates[0]?.subjectAltName ?? '')?.[1] ?? '';
    const proof = await createRequestProof({
      method: 'POST',
      target: call.target,
      body: Buffer.from(call.body),
      trustDomain,
      audience: call.audience,
      nowMs: call.nowMs,
      signer: createSoftwareSigner(key, algorithm),
      chain: certificates.map(({ raw }) => raw),
    });
    return { [REQUEST_PROOF_HEADER]: proof };
  } catch (cause) {
    const message = `\`${folder}\` has no SVID that can be renewed`;
    throw new CommandFailure('usage', 'svid-unreadable', message, 'name the folder that svid attest wrote', { cause });
  }
}
