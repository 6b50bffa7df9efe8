/**
 * `authorize` behind a Lambda function URL that IAM guards: Envoy signs every check with the proxy's own role (SigV4,
 * X26), and the platform lets in the roles it was told to. The signature covers method, path, body and every header of the
 * check but `x-forwarded-for`, `x-forwarded-proto` and `x-amzn-trace-id`, and so all facts; Envoy finds the credentials as
 * the AWS SDKs do (environment, profile, web identity, container, instance) and asks unsigned where it finds none.
 */
import { isIP } from 'node:net';
import { DEFAULT_TRUSTED_CA_FILE, type FunctionUrlTarget, type TcpAddress } from './input.ts';
import { type Config, extension, typed } from './typed.ts';

/** The service that a function URL belongs to, in the scope of its signatures. */
const SERVICE = 'lambda';
const REGION = /^[a-z0-9-]{1,32}$/;

export interface FunctionUrl {
  /** `Host` of the call, with the port where it is not the scheme's own: signed, and what a front door routes by. */
  readonly host: string;
  /** What the certificate has to name; undefined for a stand-in without TLS. */
  readonly tlsName: string | undefined;
  readonly connectTo: TcpAddress;
}

/** Throws `RangeError` for what is no function URL, and for one that would take the facts over a network in clear text. */
export function locateFunctionUrl({ url: text, region, address }: FunctionUrlTarget): FunctionUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || `${url.origin}/` !== url.href)
    throw new RangeError(`\`${text}\` is not the origin of a function URL`);
  if (!REGION.test(region)) throw new RangeError(`\`${region}\` is not a Region`);
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const isPlain = url.protocol === 'http:';
  const connectTo = address ?? { address: hostname, port: Number(url.port) || (isPlain ? 80 : 443) };
  if (isPlain && !isLoopback(connectTo.address)) throw new RangeError(`\`${text}\` without TLS is not on this machine`);
  if (!isPlain && isIP(hostname) !== 0) throw new RangeError(`\`${text}\` has no name that a certificate could show`);
  return { host: url.host, tlsName: isPlain ? undefined : hostname, connectTo };
}

function isLoopback(address: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|::1)$/.test(address);
}

/** TLS as for any server on the internet: the platform shows a certificate for `*.lambda-url.REGION.on.aws`. */
export function renderPublicTls(name: string, trustedCaFile = DEFAULT_TRUSTED_CA_FILE): Config {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      sni: name,
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
        alpn_protocols: ['http/1.1'],
        validation_context: {
          trusted_ca: { filename: trustedCaFile },
          // Without it any certificate of any authority in the file would do.
          match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: name } }],
        },
      },
    }),
  };
}

/** Filters of the authorizer's cluster: what was asked about is complete by then, and nothing changes after the signature. */
export function renderSigning(host: string, region: string): readonly Config[] {
  return [
    // The signature takes its place; where there are no credentials the client's own would stay. It goes as a fact.
    extension('envoy.filters.http.header_mutation', 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
      mutations: { request_mutations: [{ remove: 'authorization' }] },
    }),
    extension(
      'envoy.filters.http.aws_request_signing',
      'envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning',
      // X20: the check comes with the client's Host, which the platform does not know.
      { service_name: SERVICE, region, host_rewrite: host },
    ),
    extension('envoy.filters.http.upstream_codec', 'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec'),
  ];
}
