/** Which function may have which key certified. A function that is taken over makes no keys for another's work. */
import { AGENT_PATH } from '@postern/ca';
import type { FunctionName } from '../access.ts';

/** Issuers sign SVIDs, and nothing but `issue` does. */
export const mayCertifyIssuer = (caller: FunctionName): boolean => caller === 'issue';

/** The feed's head is what agents believe. */
export const mayCertifyFeedKey = (caller: FunctionName): boolean => caller === 'feed';

/** Administrators come to its door, and are known there. */
export const mayOperateAuthority = (caller: FunctionName): boolean => caller === 'admin';

/** Who revokes. */
export const mayApplyRevocations = (caller: FunctionName): boolean => caller === 'admin';

/** Whose certificates wait for a list. */
export const mayOpenRevocationList = (caller: FunctionName): boolean => caller === 'issue';

/** A producer bears the name of whoever proved to be it: a function its own, and `ingest` those of the agents it authenticated. */
export function mayCertifyProducer(
  caller: FunctionName,
  opening: { readonly producer: string; readonly owner: string },
  trustDomain: string,
): boolean {
  const { producer, owner } = opening;
  if (owner === caller) return producer.startsWith(`function:${caller}#`);
  const isAgent = owner.startsWith(`spiffe://${trustDomain}${AGENT_PATH}`);
  return caller === 'ingest' && isAgent && producer.startsWith(`${owner}#`);
}
