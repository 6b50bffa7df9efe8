/** Where other workloads connect: mutual TLS, then the fence, then the decision, then the application. */
import { renderInboundAccessLog } from './access_log.ts';
import { APP_CLUSTER } from './clusters.ts';
import { renderExtAuthzFilter } from './ext_authz_filter.ts';
import { renderHygiene, renderInboundFence } from './hygiene.ts';
import type { EnvoyConfigInput } from './input.ts';
import { renderDownstreamTls } from './tls.ts';
import { type Config, extension } from './typed.ts';

const BUFFER_BYTES = 32 * 1024;
export const ROUTER = extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {
  suppress_envoy_headers: true,
});

export function renderInboundListener(input: EnvoyConfigInput): Config {
  return {
    name: 'inbound',
    address: { socket_address: { address: input.listen.address, port_value: input.listen.port } },
    per_connection_buffer_limit_bytes: BUFFER_BYTES,
    filter_chains: [
      {
        transport_socket: renderDownstreamTls(input.spiffeId, input.requireClientCertificate ?? true),
        transport_socket_connect_timeout: '10s',
        filters: [
          extension(
            'envoy.filters.network.http_connection_manager',
            'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            {
              stat_prefix: 'inbound',
              ...renderHygiene(input),
              access_log: renderInboundAccessLog(input.accessLogPath, input.authz),
              // The order is the protection: nothing before the fence may read what a client says in our name.
              http_filters: [renderInboundFence(), renderExtAuthzFilter(input), ROUTER],
              route_config: {
                name: 'inbound',
                virtual_hosts: [
                  {
                    name: input.service,
                    // Which hosts the service has is in the release; the decision refuses every other.
                    domains: ['*'],
                    // Streams have no time-out of their own: `max_stream_duration` ends them.
                    routes: [{ match: { prefix: '/' }, route: { cluster: APP_CLUSTER, timeout: '0s' } }],
                  },
                ],
              },
            },
          ),
        ],
      },
    ],
  };
}
