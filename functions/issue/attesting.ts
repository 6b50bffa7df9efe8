/** What attestors ask of this function's stores, and of the issuers and clusters that their settings name. */
import type { FeedLog } from '@postern/feed';
import {
  type AttestPorts,
  createIssuerKeys,
  createReplayGuard,
  createTokenReviews,
  type JoinTokens,
} from '@postern/identity';
import type { TrustBundle } from '@postern/spiffe';
import { createAuthorityView } from '../door/authority_view.ts';
import type { OutboundPlaces } from '../outbound.ts';
import type { StorePorts } from '../ports.ts';
import { createKeyFetcher } from '../publish/token_keys.ts';

/** A secret that an attestor's settings name. Throws `StoreUnavailable` when it cannot be read. */
export type AttestorSecret = (name: string) => Promise<string>;

export function createAttesting(
  ports: Pick<StorePorts, 'table' | 'clock' | 'trustDomain' | 'log'> & {
    readonly url: string;
    readonly bundle: () => Promise<TrustBundle>;
    readonly feedLog: FeedLog;
    readonly joinTokens: JoinTokens;
    readonly allowLoopbackIssuers: boolean;
    readonly outboundRanges?: OutboundPlaces['outboundRanges'];
    readonly attestorSecret: AttestorSecret;
  },
): AttestPorts {
  const { table, clock, trustDomain, url, bundle, log } = ports;
  const view = createAuthorityView(ports);
  return {
    audience: url,
    trustDomain,
    clock,
    issuerKeys: createIssuerKeys({
      fetchKeys: createKeyFetcher({
        outboundRanges: ports.outboundRanges ?? [],
        allowLoopback: ports.allowLoopbackIssuers,
      }),
      clock,
      report: (issuer, reason) => log('warn', 'issuer-keys', { issuer, reason }),
    }),
    tokenReviews: createTokenReviews({ secret: ports.attestorSecret }),
    replayGuard: createReplayGuard(table, clock),
    joinTokens: ports.joinTokens,
    svids: {
      bundle,
      isRevoked: ({ spiffeId, ...svid }) => view.isRevoked({ spiffeId: spiffeId.uri, ...svid }),
    },
  };
}
