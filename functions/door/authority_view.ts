/** What the control plane itself believes of its agents at this moment: read from the feed's store, not from a follower. */
import type { FeedLog } from '@postern/feed';
import { isDistrusted, isRevoked } from '@postern/identity';
import type { TrustBundle } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { AuthorityView } from './agent_proof.ts';

interface FeedView extends AuthorityView {
  /** Of an agent that nothing but its name is known of. */
  isAgentRevoked(spiffeId: string): Promise<boolean>;
}

/** Cost of `isRevoked`: four reads, and one for each authority between issuer and root; of `isAgentRevoked`: one. Throw when they cannot be made: then nobody knows. */
export function createAuthorityView(ports: {
  readonly bundle: () => Promise<TrustBundle>;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
}): FeedView {
  const { bundle, feedLog, clock } = ports;
  return {
    bundle,
    async isAgentRevoked(spiffeId) {
      const subject = `agent:${spiffeId}`;
      const fact = await feedLog.latest('revocation', subject);
      return fact?.kind === 'revocation' && isDistrusted(new Map([[subject, fact]]), subject, clock.nowMs());
    },
    // Agents send theirs along.
    issuers: [],
    async isRevoked({ spiffeId, leaf, path }) {
      const nowMs = clock.nowMs();
      const [bySerial, byName, byAgent] = [`svid:${leaf.serial}`, `spiffe-id:${spiffeId}`, `agent:${spiffeId}`];
      // What signed it, and what stands between that and the bundle.
      const issuers = new Set([leaf.authorityKeyId, ...path.slice(2, -1).map(({ subjectKeyId }) => subjectKeyId)]);
      const byIssuer = [...issuers].map((keyId) => `issuer:${keyId}`);
      const facts = await Promise.all(
        [bySerial, byName, byAgent, ...byIssuer].map((subject) => feedLog.latest('revocation', subject)),
      );
      const revocations = new Map(facts.flatMap((fact) => (fact?.kind === 'revocation' ? [[fact.subject, fact]] : [])));
      return (
        isDistrusted(revocations, bySerial, nowMs) ||
        isDistrusted(revocations, byAgent, nowMs) ||
        byIssuer.some((subject) => isDistrusted(revocations, subject, nowMs)) ||
        isRevoked(revocations, byName, leaf.notBeforeMs, nowMs)
      );
    },
  };
}
