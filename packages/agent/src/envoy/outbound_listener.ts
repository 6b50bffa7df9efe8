/** Where the local application calls another service: plain on the loopback, mutual TLS from here on. */
import { renderOutboundAccessLog } from './access_log.ts';
import { outboundCluster } from './clusters.ts';
import { renderDurations, renderOutboundFence } from './hygiene.ts';
import { ROUTER } from './inbound_listener.ts';
import type { EnvoyConfigInput, OutboundService } from './input.ts';
import { type Config, extension } from './typed.ts';

export function renderOutboundListener(input: EnvoyConfigInput, service: OutboundService): Config {
  const route = {
    cluster: outboundCluster(service),
    timeout: '0s',
    ...(service.host !== undefined && { host_rewrite_literal: service.host }),
  };
  return {
    name: outboundCluster(service),
    // Whatever reaches this port calls as this service: nothing from outside this machine may.
    address: { socket_address: { address: '127.0.0.1', port_value: service.listenPort } },
    filter_chains: [
      {
        filters: [
          extension(
            'envoy.filters.network.http_connection_manager',
            'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            {
              stat_prefix: outboundCluster(service),
              use_remote_address: true,
              forward_client_cert_details: 'SANITIZE',
              common_http_protocol_options: renderDurations(input),
              stream_idle_timeout: '300s',
              upgrade_configs: [{ upgrade_type: 'websocket' }],
              access_log: renderOutboundAccessLog(input.accessLogPath),
              http_filters: [renderOutboundFence(), ROUTER],
              route_config: {
                name: outboundCluster(service),
                virtual_hosts: [{ name: service.name, domains: ['*'], routes: [{ match: { prefix: '/' }, route }] }],
              },
            },
          ),
        ],
      },
    ],
  };
}
