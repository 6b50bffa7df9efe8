/**
 * The product's own Envoy configuration, so that what is measured is what is recommended, with three changes: plain HTTP in
 * (TLS costs the same with and without a decision), the caller's certificate in a forwarded header, and an answer by Envoy
 * itself instead of an application.
 */
import { renderEnvoyConfig } from '@postern/agent';
import type { Sockets } from './node.ts';
import { SERVICE, SERVICE_ID, TRUST_DOMAIN } from './policy_repository.ts';

export const FLAVOURS = ['none', 'grpc', 'http'] as const;
/** `none`: no decision is asked for. */
export type Flavour = (typeof FLAVOURS)[number];

type Config = { [member: string]: unknown };
type Listener = { filter_chains: [{ transport_socket?: Config; filters: [{ typed_config: ConnectionManager }] }] };
type ConnectionManager = {
  forward_client_cert_details: string;
  set_current_client_cert_details?: Config;
  http_filters: { name: string }[];
  route_config: { virtual_hosts: [{ routes: Config[] }] };
};

const EXT_AUTHZ = 'envoy.filters.http.ext_authz';

export function envoyConfig(flavour: Flavour, sockets: Sockets): object {
  const config = renderEnvoyConfig({
    service: SERVICE,
    trustDomain: TRUST_DOMAIN,
    spiffeId: SERVICE_ID,
    listen: { address: '127.0.0.1', port: 0 },
    upstreamApp: { address: '127.0.0.1', port: 9 },
    agentSocket: sockets.workloadApi,
    authz: flavour === 'http' ? { kind: 'http', socket: sockets.http } : { kind: 'grpc', socket: sockets.grpc },
    accessLogPath: '/dev/null',
  }) as { static_resources: { listeners: [Listener] } };
  const [chain] = config.static_resources.listeners[0].filter_chains;
  delete chain.transport_socket;
  const manager = chain.filters[0].typed_config;
  manager.forward_client_cert_details = 'ALWAYS_FORWARD_ONLY';
  delete manager.set_current_client_cert_details;
  manager.route_config.virtual_hosts[0].routes = [
    { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } },
  ];
  const others = manager.http_filters.filter(({ name }) => name !== EXT_AUTHZ);
  if (others.length === manager.http_filters.length) throw new Error('the configuration asks for no decisions');
  if (flavour === 'none') manager.http_filters = others;
  return config;
}
