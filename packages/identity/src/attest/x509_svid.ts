/**
 * An SVID of ours, by a proof that its key signed over this very call: how a workload without an agent renews. Whether this
 * SVID may still renew is its lineage's to say, and how long, the attestation's that it began with.
 */
import { accept, refuse } from '@postern/result';
import { verifyRequestProof } from '../request_proof.ts';
import type { Attestor } from './attestor.ts';

/** Agents renew at a door of their own, and functions are never issued this way. */
const RESERVED_PATH = '/postern/';

export const x509Svid: Attestor<'x509-svid'> = {
  proves: 'that the caller holds the key of an SVID of this trust domain, and asks for this call',
  makes: ['workload'],
  claims: ['svid:id', 'svid:serial'],
  async verify({ call }, instance, ports) {
    let proof = { id: '', expiresAtMs: 0 };
    const verified = await verifyRequestProof(call.requestProof, {
      ...call,
      audience: ports.audience,
      nowMs: ports.clock.nowMs(),
      bundle: await ports.svids.bundle(),
      issuers: [],
      // Spent with all other proofs, once what else is needed is at hand.
      consume: async (id, expiresAtMs) => {
        proof = { id, expiresAtMs };
        return true;
      },
    });
    if (!verified.ok) return verified;
    const { spiffeId, serial, leaf, path } = verified.value;
    if (`${spiffeId.path}/`.startsWith(RESERVED_PATH)) return refuse('svid-not-renewable');
    if (await ports.svids.isRevoked({ spiffeId, leaf, path })) return refuse('svid-revoked');
    // No selectors: no entry is matched by it. What it may renew is what it was issued for.
    const claims = new Map([
      ['svid:id', spiffeId.uri],
      ['svid:serial', serial],
    ]);
    const { name: attestor, kind } = instance;
    return accept({ attestor, kind, selectors: [], claims, proofId: proof.id, expiresAtMs: proof.expiresAtMs });
  },
};
