/** Implements `VerifyJws` of `@postern/spiffe`, which parses JWT-SVIDs by its own strict rules and has no cryptography. */
import type { SignatureAlgorithm } from './algorithms.ts';
import { verifyParsedJws } from './jws.ts';

/** `jwk`: from the verifier's own trust. False for whatever cannot be verified, a key of another type too; never throws. */
export function verifyJoseSignature(input: {
  readonly algorithm: SignatureAlgorithm;
  readonly jwk: { readonly [name: string]: unknown };
  readonly message: Uint8Array;
  /** Raw r ‖ s for ECDSA. */
  readonly signature: Uint8Array;
}): boolean {
  const { algorithm, jwk, message, signature } = input;
  const jws = { header: { alg: algorithm }, payload: message, signingInput: message, signature };
  return verifyParsedJws(jws, { algorithms: [algorithm], key: () => jwk }).ok;
}
