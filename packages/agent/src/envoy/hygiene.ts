/** What holds for every request in, so that the proxy, the decision and the application all read the same request. */
import { DEFAULT_MAX_CONNECTION_SECONDS, DEFAULT_MAX_STREAM_SECONDS, type EnvoyConfigInput } from './input.ts';
import { type Config, extension, seconds } from './typed.ts';

/** Headers of this prefix speak for Postern: nobody but the authorizer sets them. */
export const OUR_HEADERS = { prefix: 'x-postern-', ignore_case: true };

/** Options of the HTTP connection manager. */
export function renderHygiene(input: EnvoyConfigInput): Config {
  return {
    // X32: `/a/../admin`, `/a/%2e%2e/admin` and `//admin` become `/admin` for routes, decision and application alike;
    // `%2f`, `%5c` and `%00` are refused. What is left over (X33) the decision refuses.
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    // X36: whatever a client claims to be is replaced by what TLS says, or removed.
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: { uri: true },
    // X11: `x-forwarded-for` ends with the peer that connected.
    use_remote_address: true,
    skip_xff_append: false,
    common_http_protocol_options: {
      // CGI-like servers read `x_postern_user` as `x-postern-user`.
      headers_with_underscores_action: 'REJECT_REQUEST',
      max_headers_count: 100,
      ...renderDurations(input),
    },
    http_protocol_options: { accept_http_10: false },
    http2_protocol_options: {
      max_concurrent_streams: 100,
      initial_stream_window_size: 65_536,
      initial_connection_window_size: 1_048_576,
    },
    request_headers_timeout: '10s',
    stream_idle_timeout: '300s',
    upgrade_configs: [{ upgrade_type: 'websocket' }],
  };
}

/** X19: a stream is asked about once; a revocation, or an authority that was removed, reaches it when it ends. */
export function renderDurations(input: EnvoyConfigInput): Config {
  const { maxStreamSeconds = DEFAULT_MAX_STREAM_SECONDS } = input;
  const { maxConnectionSeconds = DEFAULT_MAX_CONNECTION_SECONDS } = input;
  return {
    max_stream_duration: seconds(maxStreamSeconds),
    max_connection_duration: seconds(maxConnectionSeconds),
    idle_timeout: '300s',
  };
}

/** By these a client would steer this proxy, or tell the application that the proxy was let through without a decision (X22). */
const ENVOY_HEADERS = { prefix: 'x-envoy-', ignore_case: true };

/** X25: drops a client's copies before any filter reads them; also names that neither we nor Envoy know of. */
export function renderInboundFence(): Config {
  return headerFence([OUR_HEADERS, ENVOY_HEADERS]);
}

/** An application that copies its request's headers does not tell the next service who its user is. */
export function renderOutboundFence(): Config {
  return headerFence([OUR_HEADERS]);
}

function headerFence(removed: readonly Config[]): Config {
  return extension(
    'envoy.filters.http.header_mutation',
    'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
    { mutations: { request_mutations: removed.map((key_matcher) => ({ remove_on_match: { key_matcher } })) } },
  );
}
