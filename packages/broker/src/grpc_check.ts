/** The gRPC flavour of ext_authz: `envoy.service.auth.v3.CheckRequest`, decoded, → what is asked. */
import { parseUrlEncodedCertificate } from '@postern/identity';
import { accept, type Result, refuse } from '@postern/result';
import type { CheckReadReason } from './http_check.ts';
import type { CheckRequest } from './request.ts';
import { MAX_HEADER_LINES } from './request_bounds.ts';

/**
 * The fields of `CheckRequest` that are used, named as in the `.proto`. Maps come as lists of entries, so that a key
 * that was sent twice is seen and `__proto__` is a key like any other.
 */
export interface EnvoyCheckRequest {
  readonly attributes?: {
    readonly source?: EnvoyPeer;
    readonly destination?: EnvoyPeer;
    readonly request?: { readonly http?: EnvoyHttpRequest };
    readonly context_extensions?: EnvoyMap;
    readonly tls_session?: { readonly sni?: string };
  };
}

export type EnvoyMap = readonly (readonly [key: string, value: string])[];

export interface EnvoyPeer {
  readonly address?: {
    readonly socket_address?: { readonly address?: string; readonly port_value?: number };
    readonly pipe?: { readonly path?: string };
  };
  readonly principal?: string;
  /** PEM, percent-encoded; only with `include_peer_certificate`. */
  readonly certificate?: string;
}

export interface EnvoyHttpRequest {
  readonly id?: string;
  readonly method?: string;
  readonly headers?: EnvoyMap;
  /** Instead of `headers` with `encode_raw_headers`: one entry per line. */
  readonly header_map?: {
    readonly headers?: readonly { readonly key?: string; readonly value?: string; readonly raw_value?: Uint8Array }[];
  };
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: string;
}

/** `initial_metadata` of the filter's `grpc_service`: set by the proxy's configuration, out of a client's reach. */
export type CallMetadata = readonly (readonly [name: string, value: string])[];

const SERVICE_METADATA = 'x-postern-service';
const SERVICE_EXTENSION = 'postern.service';

/**
 * Maps one call. Prevents a request from being decided as another service's (two names for it are refused) and a
 * disagreement between pseudo headers and attributes from reaching a decision. `call` and `metadata`: untrusted but
 * decoded. Refused: no or two services, an unreadable certificate, too many headers, not an HTTP request.
 */
export function readGrpcCheck(call: EnvoyCheckRequest, metadata: CallMetadata): Result<CheckRequest, CheckReadReason> {
  const { source, request, context_extensions: extensions } = call.attributes ?? {};
  const http = request?.http;
  if (http?.method === undefined || http.path === undefined || http.host === undefined)
    return refuse('request-malformed', 'no HTTP attributes');
  const service = serviceOf(metadata, extensions ?? []);
  if (!service.ok) return service;
  const headers = headersOf(http);
  if (!headers.ok) return headers;

  const encoded = presentText(source?.certificate);
  const certificate = encoded === undefined ? undefined : parseUrlEncodedCertificate(encoded);
  if (certificate !== undefined && !certificate.ok) return certificate;
  return accept({
    service: service.value,
    method: http.method,
    target: http.path,
    authority: http.host,
    scheme: http.scheme ?? '',
    headers: headers.value,
    peerCertificate: certificate?.value,
    peerPrincipal: presentText(source?.principal),
    forwardedClientCert: headers.value.find(([name]) => name === 'x-forwarded-client-cert')?.[1],
    sourceAddress: presentText(source?.address?.socket_address?.address),
    requestId: presentText(http.id),
    transport: 'grpc',
  });
}

function serviceOf(
  metadata: CallMetadata,
  extensions: EnvoyMap,
): Result<string, 'service-missing' | 'service-ambiguous'> {
  const named = [...valuesOf(metadata, SERVICE_METADATA), ...valuesOf(extensions, SERVICE_EXTENSION)];
  const [service] = named;
  if (service === undefined || service === '') return refuse('service-missing');
  return named.every((name) => name === service) ? accept(service) : refuse('service-ambiguous');
}

function valuesOf(entries: EnvoyMap, wanted: string): string[] {
  return entries.filter(([name]) => name === wanted).map(([, value]) => value);
}

type Headers = readonly (readonly [string, string])[];

function headersOf(http: EnvoyHttpRequest): Result<Headers, CheckReadReason> {
  const raw = http.header_map?.headers ?? [];
  const lines: Headers =
    raw.length > 0
      ? raw.map(({ key = '', value = '', raw_value }) => [key, raw_value?.length ? latin1(raw_value) : value])
      : (http.headers ?? []);
  if (lines.length > MAX_HEADER_LINES + PSEUDO_HEADERS.size) return refuse('request-too-large', 'header lines');
  const headers: (readonly [string, string])[] = [];
  for (const [name, value] of lines) {
    if (!name.startsWith(':')) headers.push([name, value]);
    else if (PSEUDO_HEADERS.get(name)?.(http) !== value) return refuse('request-malformed', 'pseudo header');
  }
  return accept(headers);
}

/** Envoy repeats the attributes in the headers (X6): they must say the same. `undefined`: any value is refused. */
const PSEUDO_HEADERS: ReadonlyMap<string, (http: EnvoyHttpRequest) => string | undefined> = new Map([
  [':method', (http: EnvoyHttpRequest) => http.method],
  [':path', (http: EnvoyHttpRequest) => http.path],
  [':authority', (http: EnvoyHttpRequest) => http.host],
  [':scheme', (http: EnvoyHttpRequest) => http.scheme],
]);

/** Byte for byte: what is not ASCII in a credential is refused later, nothing is replaced on the way. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** proto3 has no absence of a text: an empty one is none. */
function presentText(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
