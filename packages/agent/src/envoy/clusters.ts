/** Where the proxy connects to: the agent, the authorizer, its application, and the services its application calls. */
import { isIP } from 'node:net';
import { locateFunctionUrl, renderPublicTls, renderSigning } from './function_url.ts';
import type { AuthzTarget, EnvoyConfigInput, OutboundService, TcpAddress } from './input.ts';
import { AGENT_CLUSTER, renderUpstreamTls } from './tls.ts';
import { type Config, typed } from './typed.ts';

export const AUTHZ_CLUSTER = 'postern-authz';
export const APP_CLUSTER = 'app';
export const outboundCluster = (service: OutboundService): string => `outbound-${service.name}`;

const CONNECT_TIMEOUT = '2s';
/** Shorter than the agent's: the proxy closes first and never sends into a closing connection. */
const AUTHZ_IDLE_TIMEOUT = '120s';
/** How long the platform keeps a connection is not published: one that it just closed would cost a request its decision. */
const FUNCTION_URL_IDLE_TIMEOUT = '30s';

export function renderClusters(input: EnvoyConfigInput): readonly Config[] {
  const { outbound = [] } = input;
  return [
    cluster(AGENT_CLUSTER, pipe(input.agentSocket), { protocol: 'http2' }),
    authzCluster(input.spiffeId, input.authz),
    cluster(APP_CLUSTER, input.upstreamApp, { protocol: input.upstreamApp.protocol ?? 'http1' }),
    ...outbound.map((service) =>
      cluster(outboundCluster(service), service, {
        protocol: 'alpn',
        transportSocket: renderUpstreamTls(input.spiffeId, service.spiffeId),
      }),
    ),
  ];
}

function authzCluster(spiffeId: string, authz: AuthzTarget): Config {
  const idleTimeout = AUTHZ_IDLE_TIMEOUT;
  switch (authz.kind) {
    case 'grpc':
      return cluster(AUTHZ_CLUSTER, pipe(authz.socket), { protocol: 'http2' });
    case 'http':
      return cluster(AUTHZ_CLUSTER, pipe(authz.socket), { protocol: 'http1', idleTimeout });
    case 'https-mtls': {
      const transportSocket = renderUpstreamTls(spiffeId, authz.spiffeId, ['http/1.1']);
      return cluster(AUTHZ_CLUSTER, authz, { protocol: 'http1', idleTimeout, transportSocket });
    }
    case 'function-url': {
      const { host, tlsName, connectTo } = locateFunctionUrl(authz);
      return cluster(AUTHZ_CLUSTER, connectTo, {
        protocol: 'http1',
        idleTimeout: FUNCTION_URL_IDLE_TIMEOUT,
        resolution: 'changing',
        transportSocket: tlsName === undefined ? undefined : renderPublicTls(tlsName, authz.trustedCaFile),
        httpFilters: renderSigning(host, authz.region),
      });
    }
  }
}

interface PipeAddress {
  readonly path: string;
}
const pipe = (path: string): PipeAddress => ({ path });

interface ClusterOptions {
  readonly protocol: 'http1' | 'http2' | 'alpn';
  readonly idleTimeout?: string;
  /** Of a name; `stable` when absent. */
  readonly resolution?: keyof typeof RESOLUTIONS;
  readonly transportSocket?: Config | undefined;
  /** Of every request to this cluster; the last one is the codec. */
  readonly httpFilters?: readonly Config[];
}

/** How a name is resolved. */
const RESOLUTIONS = {
  stable: { type: 'STRICT_DNS' },
  // Another few addresses at every question: connections outlive them. Both families, whichever this network has.
  changing: { type: 'LOGICAL_DNS', dns_lookup_family: 'ALL', respect_dns_ttl: true },
} as const satisfies { readonly [name: string]: Config };

function cluster(name: string, target: TcpAddress | PipeAddress, options: ClusterOptions): Config {
  const isStatic = 'path' in target || isIP(target.address) !== 0;
  const address =
    'path' in target
      ? { pipe: { path: target.path } }
      : { socket_address: { address: target.address, port_value: target.port } };
  return {
    name,
    ...(isStatic ? { type: 'STATIC' } : RESOLUTIONS[options.resolution ?? 'stable']),
    connect_timeout: CONNECT_TIMEOUT,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        {
          ...PROTOCOLS[options.protocol],
          ...(options.idleTimeout !== undefined && {
            common_http_protocol_options: { idle_timeout: options.idleTimeout },
          }),
          ...(options.httpFilters !== undefined && { http_filters: options.httpFilters }),
        },
      ),
    },
    ...(options.transportSocket !== undefined && { transport_socket: options.transportSocket }),
  };
}

const PROTOCOLS: { readonly [P in ClusterOptions['protocol']]: Config } = {
  http1: { explicit_http_config: { http_protocol_options: {} } },
  http2: { explicit_http_config: { http2_protocol_options: {} } },
  alpn: { auto_config: { http_protocol_options: {}, http2_protocol_options: {} } },
};
