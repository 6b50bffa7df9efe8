/** Who signed a request proof: the SVID in its header, verified against our own trust and never by its own word. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  fitsAlgorithm,
  isSignatureAlgorithm,
  type ParsedJws,
  rememberX509Signatures,
  verifyParsedJws,
} from '@postern/keys';
import { type Result, refuse } from '@postern/result';
import { type Certificate, MAX_CHAIN, type TrustBundle, type VerifiedX509Svid, verifyX509Svid } from '@postern/spiffe';

export type ProofChainReason =
  | 'proof-chain'
  | 'proof-algorithm'
  | 'proof-signature'
  | 'proof-svid-expired'
  | 'proof-svid-not-yet-valid'
  | 'proof-svid-untrusted';

/** An agent shows the same chain with each call. */
const verifySignature = rememberX509Signatures();

/**
 * Verifies the chain of `x5c` (RFC 7515 4.1.6: base64 DER, leaf first) and then the signature by the leaf's key. The
 * header brings the certificate along, but it counts only below an authority of `bundle`. `proof`: parsed, untrusted.
 */
export function verifyProofChain(
  proof: ParsedJws,
  trust: { readonly bundle: TrustBundle; readonly issuers: readonly Certificate[]; readonly nowMs: number },
): Result<VerifiedX509Svid, ProofChainReason> {
  const chain = parseChain(proof.header['x5c']);
  if (chain === undefined) return refuse('proof-chain');
  const svid = verifyX509Svid({
    chain,
    bundles: new Map([[trust.bundle.trustDomain as string, trust.bundle]]),
    issuers: trust.issuers,
    nowMs: trust.nowMs,
    verifySignature,
  });
  if (!svid.ok) {
    if (svid.reason === 'svid-expired') return refuse('proof-svid-expired');
    if (svid.reason === 'svid-not-yet-valid') return refuse('proof-svid-not-yet-valid');
    return refuse('proof-svid-untrusted', svid.reason);
  }
  const key = publicKeyOf(svid.value.leaf);
  const { alg } = proof.header;
  if (key === undefined || !isSignatureAlgorithm(alg) || !fitsAlgorithm(key, alg)) return refuse('proof-algorithm');
  const signed = verifyParsedJws(proof, { algorithms: [alg], key: () => key });
  return signed.ok ? svid : refuse('proof-signature');
}

function parseChain(x5c: unknown): readonly Uint8Array[] | undefined {
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > MAX_CHAIN) return undefined;
  const chain = x5c.map((text) => (typeof text === 'string' ? Buffer.from(text, 'base64') : undefined));
  const isStrict = chain.every((der, index) => der !== undefined && der.toString('base64') === x5c[index]);
  return isStrict ? (chain as readonly Uint8Array[]) : undefined;
}

function publicKeyOf(leaf: Certificate): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(leaf.spki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}
