/**
 * Bundles of federated trust domains that decision points want before their hint is over, for an authority or a key that they
 * do not know. Decision points write, `publish` reads at its tick and asks each endpoint once a minute at most. What is
 * written here is a hint and carries no MAC: it causes that one fetch, and decides nothing.
 */
import { type FeedLog, WANTED_AGAIN_MS } from '@postern/feed';
import type { Clock, Table } from '@postern/store';

const PARTITION = 'wanted-bundle';
const LIFE_MS = 10 * 60_000;
/** As many relationships as there may be. */
const MAX_LISTED = 200;

/** Of the query of a feed poll: a trust domain. */
export const WANTED_PARAMETER = 'wanted';

/**
 * `trustDomain`: untrusted, a trust domain's name; only one that was federated is written, so that nobody fills the table.
 * Cost: one read and one write a minute, domain and instance.
 */
export function createBundleWishes(ports: {
  readonly table: Pick<Table, 'put'>;
  readonly feedLog: Pick<FeedLog, 'latest'>;
  readonly ownTrustDomain: string;
  readonly clock: Clock;
}): (trustDomain: string) => Promise<void> {
  const { table, feedLog, ownTrustDomain, clock } = ports;
  const wishedAtMs = new Map<string, number>();
  return async (trustDomain) => {
    const atMs = clock.nowMs();
    const lastMs = wishedAtMs.get(trustDomain) ?? Number.NEGATIVE_INFINITY;
    if (trustDomain === ownTrustDomain || atMs - lastMs < WANTED_AGAIN_MS) return;
    if (wishedAtMs.size >= MAX_LISTED) wishedAtMs.clear();
    wishedAtMs.set(trustDomain, atMs);
    if ((await feedLog.latest('trust-bundle', trustDomain)) === undefined) return;
    const expiresAtSeconds = Math.ceil((atMs + LIFE_MS) / 1000);
    await table.put({ pk: PARTITION, sk: trustDomain, attributes: { atMs }, expiresAtSeconds });
  };
}

/** Trust domain → when its bundle was wanted last. Cost: one query. */
export async function listWantedBundles(table: Pick<Table, 'query'>): Promise<ReadonlyMap<string, number>> {
  const page = await table.query({ pk: PARTITION, limit: MAX_LISTED });
  return new Map(
    page.items.flatMap(({ sk, attributes }) =>
      typeof attributes['atMs'] === 'number' ? [[sk, attributes['atMs']] as const] : [],
    ),
  );
}
