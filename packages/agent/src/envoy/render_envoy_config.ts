/**
 * A whole Envoy configuration for one service: mutual TLS in and out with keys from the agent, a decision before every
 * request, and the hygiene without which a decision would be about another request than the one the application gets.
 * Tested with Envoy 1.40; needs 1.36.10, 1.37.6, 1.38.4, 1.39.1 or later in each line (X37).
 */
import { renderClusters } from './clusters.ts';
import { renderInboundListener } from './inbound_listener.ts';
import type { EnvoyConfigInput } from './input.ts';
import { renderOutboundListener } from './outbound_listener.ts';
import { type Config, extension } from './typed.ts';

/** Above it new connections are closed at once, instead of the machine running out of file descriptors. */
const MAX_CONNECTIONS = 10_000;

/** Envoy's bootstrap as JSON. It has no `admin`: whoever runs Envoy decides where that listens. */
export function renderEnvoyConfig(input: EnvoyConfigInput): Config {
  const { outbound = [] } = input;
  return {
    node: { id: input.spiffeId, cluster: input.service },
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
