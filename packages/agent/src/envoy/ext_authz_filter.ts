/** The filter that asks for a decision before every request, in either flavour. */
import { CHECK_PATH } from '../ext_authz/index.ts';
import { AUTHZ_CLUSTER } from './clusters.ts';
import { OUR_HEADERS } from './hygiene.ts';
import type { AuthzTarget, EnvoyConfigInput } from './input.ts';
import { type Config, extension } from './typed.ts';

/** X30: Envoy's default is 200 ms. A decision takes under a millisecond; the rest is a busy disk under its record. */
const LOCAL_TIMEOUT = '1s';
/** An authorizer elsewhere: a connection to be opened, or a function to be started. */
const REMOTE_TIMEOUT = '5s';

export function renderExtAuthzFilter(input: EnvoyConfigInput): Config {
  return extension('envoy.filters.http.ext_authz', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    // X22, X30: no answer, a 5xx or a time-out is a denial, and says that the fault is not the client's.
    failure_mode_allow: false,
    status_on_error: { code: 'ServiceUnavailable' },
    // X2: `principal` alone does not say whether it was a URI, a DNS name or the subject.
    include_peer_certificate: true,
    include_tls_session: true,
    // X5: one entry per line and its bytes as they came; joined, two credentials would look like one.
    encode_raw_headers: true,
    // X25: what the header fence dropped does not come back.
    disallowed_headers: { patterns: [OUR_HEADERS] },
    // X17: an authorizer cannot rewrite `:path` or `host`; an answer that tries is an error, and so a denial.
    decoder_header_mutation_rules: { disallow_system: true, disallow_is_error: true },
    validate_mutations: true,
    ...flavour(input),
  });
}

function flavour({ service, authz }: EnvoyConfigInput): Config {
  return authz.kind === 'grpc' ? grpcFlavour(service) : httpFlavour(service, authz);
}

function grpcFlavour(service: string): Config {
  return {
    grpc_service: {
      envoy_grpc: { cluster_name: AUTHZ_CLUSTER },
      timeout: LOCAL_TIMEOUT,
      // Which service is asked about: by configuration, since routes and Host follow what a client writes (X8).
      initial_metadata: [{ key: 'x-postern-service', value: service }],
    },
  };
}

function httpFlavour(service: string, authz: AuthzTarget): Config {
  const isLocal = authz.kind === 'http';
  return {
    // X21: the credentials and what stands in for a certificate; the facts come as headers of ours.
    allowed_headers: { patterns: credentials(authz).map((exact) => ({ exact, ignore_case: true })) },
    http_service: {
      server_uri: {
        uri: `${isLocal ? 'http' : 'https'}://${AUTHZ_CLUSTER}`,
        cluster: AUTHZ_CLUSTER,
        timeout: isLocal ? LOCAL_TIMEOUT : REMOTE_TIMEOUT,
      },
      // X20a: one URL whatever the client's is, so that no front door can normalise the target on its way.
      path_override: CHECK_PATH,
      authorization_request: { headers_to_add: facts(service, authz).map(([key, value]) => ({ key, value })) },
      authorization_response: {
        // X23: only what speaks for Postern reaches the application, and only what a denial needs reaches the client.
        allowed_upstream_headers: { patterns: [OUR_HEADERS] },
        allowed_client_headers: { patterns: TO_CLIENT.map((exact) => ({ exact, ignore_case: true })) },
        dynamic_metadata_from_headers: { patterns: [{ exact: 'postern-decision-id', ignore_case: true }] },
      },
    },
  };
}

const CREDENTIALS = ['dpop', 'cookie', 'x-forwarded-client-cert'];
const credentials = (authz: AuthzTarget) => (isSigned(authz) ? CREDENTIALS : [...CREDENTIALS, 'authorization']);
/** A call that is signed has `authorization` for its own signature. */
const isSigned = (authz: AuthzTarget) => authz.kind === 'function-url';
const TO_CLIENT = ['content-type', 'cache-control', 'postern-decision-id', 'retry-after', 'www-authenticate'];

/** X20a, X24: the request to decide, in headers of its own. Where there is no certificate the header is empty or absent. */
const facts = (service: string, authz: AuthzTarget): readonly (readonly [string, string])[] => [
  ['x-postern-service', service.replaceAll('%', '%%')],
  ['x-postern-method', '%REQ(:METHOD)%'],
  ['x-postern-target', '%REQ(:PATH)%'],
  ['x-postern-authority', '%REQ(:AUTHORITY)%'],
  ['x-postern-scheme', '%REQ(:SCHEME)%'],
  ['x-postern-peer-certificate', '%DOWNSTREAM_PEER_CERT%'],
  ['x-postern-peer-uri', '%DOWNSTREAM_PEER_URI_SAN%'],
  ['x-postern-source-address', '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%'],
  ['x-postern-request-id', '%REQ(X-REQUEST-ID)%'],
  // X5, X26: two of them come joined by a comma, which the decision refuses.
  ...(isSigned(authz) ? [['x-postern-authorization', '%REQ(AUTHORIZATION)%'] as const] : []),
];
