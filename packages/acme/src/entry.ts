/** What ACME makes of a registration entry (decision 0019). */
import { ACME_ATTESTOR, attestorNameOf, isTemplate, type RegistrationEntry } from '@postern/ca';
import { parseSpiffeId } from '@postern/spiffe';

/** One identity, with names to order. What a template makes is a matter of a proof, and here is none. */
export function isFitForAcme({ spiffeId, dnsNames }: Pick<RegistrationEntry, 'spiffeId' | 'dnsNames'>): boolean {
  return dnsNames.length > 0 && ![spiffeId, ...dnsNames].some(isTemplate);
}

/**
 * Whether a certificate is the workload's SVID. An entry's parent says how its workload is known; where that is anything
 * else, who shows a name by `http-01` has not shown to be that workload, and gets a server's certificate.
 */
export function isKnownByAcme({ spiffeId, parentId }: Pick<RegistrationEntry, 'spiffeId' | 'parentId'>): boolean {
  const id = parseSpiffeId(spiffeId);
  return id.ok && attestorNameOf(parentId, id.value.trustDomain) === ACME_ATTESTOR;
}
