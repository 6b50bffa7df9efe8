/**
 * One-time tokens for machines that no platform vouches for: an administrator made it for one name at one instance, and
 * whoever shows it first is that name.
 */
import { refuse } from '@postern/result';
import type { Attestor } from './attestor.ts';
import { createAttestation } from './facts.ts';

export const joinToken: Attestor<'join-token'> = {
  proves: 'that the caller was handed a token that an administrator made',
  makes: ['workload', 'agent'],
  claims: ['join:name'],
  async verify({ proof }, instance, ports) {
    if (proof === undefined || proof === '') return refuse('proof-missing');
    const known = await ports.joinTokens.check(proof);
    if (!known.ok) return known;
    const { agentId: subject, expiresAtMs } = known.value;
    const prefix = joinTokenSubject(ports.trustDomain, instance.name, '');
    if (!subject.startsWith(prefix)) return refuse('join-token-purpose');
    return createAttestation(instance, { 'join:name': subject.slice(prefix.length) }, { id: subject, expiresAtMs });
  },
  async spend({ proof = '' }, ports) {
    return ports.joinTokens.consume(proof);
  },
};

/** What a token for a workload stands for. `name`: one path segment. */
export function joinTokenSubject(trustDomain: string, attestor: string, name: string): string {
  return `spiffe://${trustDomain}/postern/attestor/${attestor}/${name}`;
}
