/** An authority that is not ours beside our own, while workloads move from it to us, or from us to it. */
import { accept, type Result, refuse } from '@postern/result';
import { checkSigningCertificate, parseCertificate, type TrustDomain } from '@postern/spiffe';

/**
 * `anchor-malformed`: no certificate of an authority as verifiers want it · `anchor-trust-domain`: it bears the SPIFFE ID
 * of another trust domain, whose bundle it belongs to · `anchor-expired`.
 */
export type ForeignAnchorReason = 'anchor-malformed' | 'anchor-trust-domain' | 'anchor-expired';

/** `der`: from an operator; trusted from then on to name any workload of this trust domain. */
export function checkForeignAnchor(
  der: Uint8Array,
  { trustDomain, nowMs }: { readonly trustDomain: TrustDomain; readonly nowMs: number },
): Result<void, ForeignAnchorReason> {
  const parsed = parseCertificate(der);
  if (!parsed.ok) return refuse('anchor-malformed', parsed.reason);
  const signing = checkSigningCertificate(parsed.value);
  if (!signing.ok) return refuse('anchor-malformed', signing.reason);
  const uris = parsed.value.subjectAltName?.uris ?? [];
  if (uris.some((uri) => uri !== `spiffe://${trustDomain}`)) return refuse('anchor-trust-domain');
  return nowMs < parsed.value.notAfterMs ? accept(undefined) : refuse('anchor-expired');
}
