/**
 * A proof at a door: the request's key, the instance that is named, then the proof itself; only what passed costs anything
 * more. A proof that is refused has cost one read at most, and what its kind fetches.
 */
import { createHash } from 'node:crypto';
import { type Attestation, parseCsr } from '@postern/ca';
import {
  type AttestationReason,
  type AttestorInstance,
  type AttestorStore,
  type AttestPorts,
  attest,
  REQUEST_PROOF_HEADER,
} from '@postern/identity';
import type { Call, DoorRefusal } from '../door/door.ts';

/** The longest that any kind takes. */
export const MAX_PROOF_TEXT = 16 * 1024;

export interface Proof {
  /** Name of an instance; untrusted, as all of this. */
  readonly attestor: string;
  readonly proof?: string | undefined;
  /** Base64 DER. */
  readonly csr: string;
  readonly call: Call;
  readonly makes: AttestorInstance['makes'];
  /** From the platform; only at doors that IAM guards. */
  readonly principal?: string | undefined;
}

export interface Proven {
  readonly instance: AttestorInstance;
  readonly attestation: Attestation;
  /** For records: the instance, and the proof's id, which names it without being it. */
  readonly requester: string;
}

export type Prove = (
  proof: Proof,
  beforeSpending: (attestation: Attestation, instance: AttestorInstance) => Promise<void>,
) => Promise<Proven | DoorRefusal>;

export function createProve(ports: { readonly attestors: AttestorStore; readonly attesting: AttestPorts }): Prove {
  return async (proof, beforeSpending) => {
    // Before the proof is spent: who sends a request of the wrong kind may correct it.
    const csr = parseCsr(Buffer.from(proof.csr, 'base64'));
    if (!csr.ok) return { refused: 'malformed-request', reason: csr.reason };
    const instance = await ports.attestors.get(proof.attestor);
    if (instance === undefined) return { refused: 'not-authenticated', reason: 'attestor-unknown' };
    // Told apart from a bad proof only in the record: which instances there are is nobody's to find out.
    if (instance.makes !== proof.makes) return { refused: 'not-authenticated', reason: 'attestor-purpose' };
    const { call } = proof;
    const evidence = {
      proof: proof.proof,
      keyThumbprint: csr.value.keyThumbprint,
      principal: proof.principal,
      call: {
        method: call.method,
        target: call.target,
        bodyDigest: createHash('sha256').update(call.body).digest(),
        requestProof: call.headers.get(REQUEST_PROOF_HEADER) ?? undefined,
      },
    };
    const attested = await attest(instance, evidence, ports.attesting, (verified) =>
      beforeSpending(verified, instance),
    );
    if (!attested.ok) return { refused: codeOf(attested.reason), reason: attested.reason };
    const requester = `attestor:${instance.name}#${attested.value.proofId}`;
    return { instance, attestation: attested.value, requester };
  };
}

/** A credential that is refused is refused in one way, whatever is wrong with it. */
function codeOf(reason: AttestationReason): DoorRefusal['refused'] {
  return reason === 'attestor-unavailable' ? 'unavailable' : 'not-authenticated';
}
