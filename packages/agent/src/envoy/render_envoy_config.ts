/**
 * A whole Envoy configuration for one service: mutual TLS in and out with keys from the agent, a decision before every
 * request, and the hygiene without which a decision would be about another request than the one the application gets.
 * Tested with Envoy 1.40; needs 1.36.10, 1.37.6, 1.38.4, 1.39.1 or later in each line (X37).
 */
import { parseSpiffeId } from '@postern/spiffe';
import { renderClusters } from './clusters.ts';
import { renderInboundListener } from './inbound_listener.ts';
import type { EnvoyConfigInput } from './input.ts';
import { renderOutboundListener } from './outbound_listener.ts';
import { type Config, extension } from './typed.ts';

/** Above it new connections are closed at once, instead of the machine running out of file descriptors. */
const MAX_CONNECTIONS = 10_000;
const ONLY_OWNER = 0o600;

/**
 * Envoy's bootstrap as JSON. Its `admin` is on no port: whoever reaches it can read keys' names and end the proxy. Throws `RangeError` for a
 * SPIFFE ID that is not of the trust domain: its SVID would never be had, or never be accepted.
 */
export function renderEnvoyConfig(input: EnvoyConfigInput): Config {
  const { outbound = [], authz } = input;
  const named = [input.spiffeId, ...outbound.map(({ spiffeId }) => spiffeId)];
  if (authz.kind === 'https-mtls') named.push(authz.spiffeId);
  for (const spiffeId of named) checkTrustDomain(spiffeId, input.trustDomain);
  return {
    node: { id: input.spiffeId, cluster: input.service },
    ...(input.adminSocket !== undefined && {
      admin: { address: { pipe: { path: input.adminSocket, mode: ONLY_OWNER } } },
    }),
    static_resources: {
      listeners: [renderInboundListener(input), ...outbound.map((service) => renderOutboundListener(input, service))],
      clusters: renderClusters(input),
    },
    overload_manager: {
      resource_monitors: [
        extension(
          'envoy.resource_monitors.global_downstream_max_connections',
          'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          { max_active_downstream_connections: MAX_CONNECTIONS },
        ),
      ],
    },
  };
}

function checkTrustDomain(spiffeId: string, trustDomain: string): void {
  const parsed = parseSpiffeId(spiffeId);
  if (!parsed.ok) throw new RangeError(`\`${spiffeId}\` is not a SPIFFE ID: ${parsed.reason}`);
  if (parsed.value.trustDomain !== trustDomain)
    throw new RangeError(`\`${spiffeId}\` is not of the trust domain \`${trustDomain}\``);
}
