/** Mutual TLS with the agent's SVIDs and bundles, over SDS: no key in a file, and a rotation drops no connection. */
import { type Config, typed } from './typed.ts';

export const AGENT_CLUSTER = 'postern-agent';

/** SDS names of the agent: an SVID by its SPIFFE ID, the own trust domain's authorities as `ROOTCA`. */
const AUTHORITIES = 'ROOTCA';

const sds = (name: string): Config => ({
  name,
  sds_config: {
    resource_api_version: 'V3',
    api_config_source: {
      api_type: 'GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: AGENT_CLUSTER } }],
    },
    // Zero: no serving with whatever came first; a listener without its secrets stays closed.
    initial_fetch_timeout: '0s',
  },
});

/** Every peer of ours speaks 1.3; below it the client's certificate, which names it, crosses the wire in clear. */
const TLS_PARAMS: Config = { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' };
const ALPN = ['h2', 'http/1.1'];

/** For listeners. The client's certificate is always asked for; `isRequired` says whether one may come without. */
export function renderDownstreamTls(spiffeId: string, isRequired: boolean): Config {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
      require_client_certificate: isRequired,
      // A resumed session is not verified again: a removed authority would live on in it.
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: {
        tls_params: TLS_PARAMS,
        alpn_protocols: ALPN,
        tls_certificate_sds_secret_configs: [sds(spiffeId)],
        validation_context_sds_secret_config: sds(AUTHORITIES),
      },
    }),
  };
}

/** For clusters. Any SVID of the trust domain would do for TLS, so the one expected is named (X509-SVID 5.2 checks only the chain). */
export function renderUpstreamTls(spiffeId: string, peerSpiffeId: string, alpn: readonly string[] = ALPN): Config {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      max_session_keys: 0,
      common_tls_context: {
        tls_params: TLS_PARAMS,
        alpn_protocols: alpn,
        tls_certificate_sds_secret_configs: [sds(spiffeId)],
        combined_validation_context: {
          default_validation_context: {
            match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peerSpiffeId } }],
          },
          validation_context_sds_secret_config: sds(AUTHORITIES),
        },
      },
    }),
  };
}
