/** Asks a company's authority to certify our root key as an intermediate of theirs: a request with the profile in it. */
import { bitString, sequence } from '@postern/der';
import type { Signer } from '@postern/keys';

import { type TrustDomain, trustDomainId } from '@postern/spiffe';
import { createName } from './certificate_der.ts';
import { requestInfo } from './create_csr.ts';
import { basicConstraints, keyUsage, subjectAltName } from './extension_der.ts';
import { x509AlgorithmOf } from './sign.ts';

/** Issuers are certified below it, and nothing below those. */
const PATH_LENGTH = 1;

/** DER, PKCS #10 (RFC 2986). Cost: one use of the root key. Throws `SignerUnavailable` as the signer does. */
export async function createAuthorityCsr(input: {
  readonly signer: Signer;
  readonly trustDomain: TrustDomain;
}): Promise<Uint8Array> {
  const { signer, trustDomain } = input;
  const info = requestInfo(createName(`Postern authority of ${trustDomain}`), signer.spki, [
    basicConstraints({ isCa: true, pathLength: PATH_LENGTH }),
    keyUsage('keyCertSign', 'cRLSign'),
    subjectAltName({ uris: [trustDomainId(trustDomain).uri], dnsNames: [] }),
  ]);
  return sequence(info, x509AlgorithmOf(signer), bitString(await signer.sign(info)));
}
