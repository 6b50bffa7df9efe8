/** One line of JSON for each request, with the decision's id: where a denial in a client's hands is looked up. */
import type { AuthzTarget } from './input.ts';
import { type Config, extension } from './typed.ts';

/** No query, no credential, no other header than the ones named. */
const REQUEST: Config = {
  time: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
  method: '%REQ(:METHOD)%',
  host: '%REQ(:AUTHORITY)%',
  path: '%PATH(NQ:PATH)%',
  status: '%RESPONSE_CODE%',
  why: '%RESPONSE_CODE_DETAILS%',
  durationMs: '%DURATION%',
  bytesReceived: '%BYTES_RECEIVED%',
  bytesSent: '%BYTES_SENT%',
};

const CALLER: Config = {
  direction: 'in',
  peer: '%DOWNSTREAM_PEER_URI_SAN%',
  peerSerial: '%DOWNSTREAM_PEER_SERIAL%',
  address: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
};

const CALLED: Config = { direction: 'out', peer: '%UPSTREAM_PEER_URI_SAN%', address: '%UPSTREAM_HOST%' };

/** X18: the gRPC answer brings metadata of its own; from an HTTP answer the filter takes the one header that tells the id. */
const DECISION: { readonly [Flavour in 'grpc' | 'http']: Config } = {
  grpc: {
    decision: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:decision_id)%',
    reason: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:reason)%',
    policies: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:policies)%',
  },
  http: { decision: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:postern-decision-id)%' },
};

/** `path`: a file; standard output when absent. */
export function renderInboundAccessLog(path: string | undefined, authz: AuthzTarget): readonly Config[] {
  return accessLog(path, { ...CALLER, ...REQUEST, ...DECISION[authz.kind === 'grpc' ? 'grpc' : 'http'] });
}

export function renderOutboundAccessLog(path: string | undefined): readonly Config[] {
  return accessLog(path, { ...CALLED, ...REQUEST });
}

function accessLog(path: string | undefined, json_format: Config): readonly Config[] {
  const log_format = { json_format };
  return path === undefined
    ? [
        extension('envoy.access_loggers.stdout', 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
          log_format,
        }),
      ]
    : [
        extension('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', {
          path,
          log_format,
        }),
      ];
}
