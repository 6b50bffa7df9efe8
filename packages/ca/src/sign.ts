/** Signs what was linted. The one place where a certificate comes into being. */
import { bitString, sequence } from '@postern/der';
import { algorithmRow, type Signer } from '@postern/keys';
import type { LintedCertificate } from './lint.ts';

const spent = new WeakSet<LintedCertificate>();

/**
 * DER. Cost: one use of the signer. Throws `SignerUnavailable` as the signer does; a second use of one lint, also after a
 * failure, is a bug.
 */
export async function signCertificate(linted: LintedCertificate, signer: Signer): Promise<Uint8Array> {
  if (spent.has(linted)) throw new Error('a linted certificate is good for one signature');
  spent.add(linted);
  const expected = x509AlgorithmOf(signer);
  if (Buffer.compare(expected, linted.signatureAlgorithm) !== 0)
    throw new Error('linted for another algorithm than the signer has');
  return sequence(linted.tbs, linted.signatureAlgorithm, bitString(await signer.sign(linted.tbs)));
}

/** AlgorithmIdentifier, DER, of what this signer signs certificates with. */
export function x509AlgorithmOf(signer: Signer): Uint8Array {
  const row = algorithmRow(signer.algorithm).x509;
  if (row === undefined) throw new TypeError(`certificates are not signed with ${signer.algorithm}`);
  return row.identifier;
}
