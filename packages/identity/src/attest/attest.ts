/**
 * One proof, from evidence to what it shows: the instance's kind verifies, then the proof is spent. Whatever is answered
 * here was verified by the authority itself, was meant for this deployment, and cannot be shown a second time.
 */
import { createHash } from 'node:crypto';
import type { Attestation } from '@postern/ca';
import { type Result, refuse } from '@postern/result';
import type { AttestationReason, Attestor, AttestPorts, Evidence } from './attestor.ts';
import type { AttestorInstance, AttestorKind } from './attestor_instance.ts';
import { ATTESTORS } from './attestors.ts';

/**
 * `evidence`: untrusted. `instance`: from the store of instances, where its MAC was verified. `beforeSpending`: for a good
 * proof only; when it rejects, so does this, and the proof is still good. Throws `StoreUnavailable`: then nobody knows
 * whether the proof was used, and the call is refused. Cost: what the kind fetches, and one conditional write for a good one.
 */
export async function attest(
  instance: AttestorInstance,
  evidence: Evidence,
  ports: AttestPorts,
  beforeSpending: (attestation: Attestation) => Promise<void> = async () => {},
): Promise<Result<Attestation, AttestationReason>> {
  // The row of an instance's kind takes instances of that kind, which the type of the table says row by row.
  const attestor = ATTESTORS[instance.kind] as Attestor<AttestorKind>;
  const verified = await attestor.verify(evidence, instance, ports);
  if (!verified.ok) return verified;
  await beforeSpending(verified.value);
  if (attestor.spend !== undefined) {
    const spent = await attestor.spend(evidence, ports);
    return spent.ok ? verified : spent;
  }
  const { proofId, expiresAtMs } = verified.value;
  return (await ports.replayGuard.consume(spentId(instance.kind, proofId), expiresAtMs))
    ? verified
    : refuse('proof-replayed');
}

/** Kinds whose proofs are tokens: one that two of them would take is one proof. */
const TOKEN_KINDS: ReadonlySet<AttestorKind> = new Set(['oidc', 'k8s', 'aws-sts']);

/** Once in the deployment, whichever instances would take it; no proof uses up one of another kind, or an agent's call. */
function spentId(kind: AttestorKind, proofId: string): string {
  const family = TOKEN_KINDS.has(kind) ? 'token' : kind;
  return createHash('sha256').update(`attest\0${family}\0${proofId}`).digest('base64url');
}
