/** The latest word on every subject that was ever revoked, read at once: a run asks about thousands of them. */
import type { FeedLog, RevocationFact } from '@postern/feed';

/** By subject. Those that are over are in it too. */
export type KnownRevocations = Map<string, RevocationFact>;

/** Cost: a query a thousand. */
export async function readRevocations(feedLog: Pick<FeedLog, 'list'>): Promise<KnownRevocations> {
  const known: KnownRevocations = new Map();
  for (let after: string | undefined, isMore = true; isMore; isMore = after !== undefined) {
    const page = await feedLog.list('revocation', { limit: 1000, ...(after !== undefined && { after }) });
    for (const fact of page.facts) if (fact.kind === 'revocation') known.set(fact.subject, fact);
    after = page.next;
  }
  return known;
}
