/** Authentication of agents, as the doors share it that agents call. */

import type { FeedLog } from '@postern/feed';
import { createReplayGuard } from '@postern/identity';
import type { TrustBundle } from '@postern/spiffe';
import { createAgentAuthentication } from './door/agent_proof.ts';
import { createAuthorityView } from './door/authority_view.ts';
import type { AuthenticateAgent } from './door/door.ts';
import type { StorePorts } from './ports.ts';

/** `url`: the audience of proofs, as agents pin it. */
export function authenticateAgents(
  ports: Pick<StorePorts, 'table' | 'clock' | 'trustDomain'> & {
    readonly url: string;
    readonly bundle: () => Promise<TrustBundle>;
    readonly feedLog: FeedLog;
  },
): AuthenticateAgent {
  const { table, clock, trustDomain, url, bundle, feedLog } = ports;
  const view = createAuthorityView({ bundle, feedLog, clock });
  return createAgentAuthentication({
    audience: url,
    trustDomain,
    authority: async () => view,
    replayGuard: createReplayGuard(table, clock),
    clock,
  });
}
