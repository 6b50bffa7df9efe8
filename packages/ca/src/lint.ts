/**
 * Lint before sign: every rule of the profile, over the certificate as a reader will see it. What passes comes back as a
 * `LintedCertificate`, without which `signCertificate` does not type-check: nothing is signed unlinted.
 */
import { bitString, sequence } from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';
import { type Certificate, parseCertificate } from '@postern/spiffe';
import { type CertificateKind, LINTS } from './lints.ts';

declare const brand: unique symbol;
/** A to-be-signed certificate that every lint of its kind accepted; good for one signature. */
export interface LintedCertificate {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: Uint8Array;
  readonly certificate: Certificate;
  readonly [brand]: 'LintedCertificate';
}

export type LintReason = 'lint-unreadable' | 'lint-failed';

/**
 * The only maker of a `LintedCertificate`. `tbs`: TBSCertificate, DER, of our own making; `signatureAlgorithm`: of the
 * key that will sign; `issuer`: absent for a root. `lint-unreadable`: a verifier could not read it; `lint-failed`: `detail`
 * names the lints. Either is a bug of ours: nothing from outside should get this far.
 */
export function lintCertificate(
  kind: CertificateKind,
  tbs: Uint8Array,
  signatureAlgorithm: Uint8Array,
  issuer: Certificate | undefined,
): Result<LintedCertificate, LintReason> {
  // Read as a verifier will read it, with an empty signature in place of the one to come.
  const parsed = parseCertificate(sequence(tbs, signatureAlgorithm, bitString(new Uint8Array())));
  if (!parsed.ok) return refuse('lint-unreadable', parsed.detail);
  const certificate = parsed.value;
  const failed = LINTS.filter((lint) => lint.kinds.includes(kind) && !lint.holds(certificate, issuer));
  if (failed.length > 0) return refuse('lint-failed', failed.map((lint) => lint.name).join(', '));
  return accept({ tbs, signatureAlgorithm, certificate } as LintedCertificate);
}
