/** A signer whose key cannot be used, as when KMS is down, denies or throttles. */
import { type Signer, SignerUnavailable } from '../signer.ts';

export function createFailingSigner(signer: Signer): Signer {
  return {
    keyId: signer.keyId,
    algorithm: signer.algorithm,
    spki: signer.spki,
    sign: async () => {
      throw new SignerUnavailable('the key cannot be used');
    },
  };
}
