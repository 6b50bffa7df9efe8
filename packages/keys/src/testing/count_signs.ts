/** A signer that counts: cost budgets are tests ("issuing 1,000 certificates costs one use of the root key"). */
import type { Signer } from '../signer.ts';

export interface CountedSigner extends Signer {
  /** Calls of `sign` so far, failed ones too. */
  readonly count: number;
}

export function countSigns(signer: Signer): CountedSigner {
  let count = 0;
  return {
    keyId: signer.keyId,
    algorithm: signer.algorithm,
    spki: signer.spki,
    get count() {
      return count;
    },
    sign(message) {
      count += 1;
      return signer.sign(message);
    },
  };
}
