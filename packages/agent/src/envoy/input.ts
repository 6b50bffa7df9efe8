/** What an operator says about one service's proxy; everything else in its configuration follows from it. */
export interface EnvoyConfigInput {
  /** As in the release: what decisions are asked for, whatever Host a client names. */
  readonly service: string;
  readonly trustDomain: string;
  /** The proxy's own SPIFFE ID, which is the service's; the agent hands its SVID to this proxy's process alone. */
  readonly spiffeId: string;
  /** Where other workloads connect with mutual TLS. Port 0: any free one. */
  readonly listen: TcpAddress;
  /** The application behind it, plain, on this machine. */
  readonly upstreamApp: TcpAddress & { readonly protocol?: 'http1' | 'http2' };
  /** Unix socket of the agent's SDS. */
  readonly agentSocket: string;
  readonly authz: AuthzTarget;
  /** Other services that the local application calls through this proxy. */
  readonly outbound?: readonly OutboundService[];
  /** False lets clients without a certificate through to the decision, which sees nobody (X3). Default true. */
  readonly requireClientCertificate?: boolean;
  /** Bound of one request, WebSocket or gRPC stream, which is asked about once (X19). Default 300. */
  readonly maxStreamSeconds?: number;
  /** Bound of one connection. Default 3600. */
  readonly maxConnectionSeconds?: number;
  /** A file; standard output when absent. */
  readonly accessLogPath?: string;
  /** Unix socket (0600) of Envoy's administration, where `/ready` is asked; without it there is none. */
  readonly adminSocket?: string;
}

export interface TcpAddress {
  /** An IP address, or a name to be resolved (not for listeners). */
  readonly address: string;
  readonly port: number;
}

export type AuthzTarget =
  /** The agent's gRPC flavour. */
  | { readonly kind: 'grpc'; readonly socket: string }
  /** The agent's HTTP flavour. */
  | { readonly kind: 'http'; readonly socket: string }
  /** An authorizer elsewhere, known by its SVID; this proxy shows its own. `spiffeId`: the authorizer's. */
  | ({ readonly kind: 'https-mtls'; readonly spiffeId: string } & TcpAddress)
  /** The deployed `authorize`, guarded by IAM; this proxy signs with its own role. */
  | ({ readonly kind: 'function-url' } & FunctionUrlTarget);

export interface FunctionUrlTarget {
  /** Its origin, such as `https://….lambda-url.eu-central-1.on.aws/`. `http:` only on this machine: a stand-in. */
  readonly url: string;
  /** The function's, such as `eu-central-1`. */
  readonly region: string;
  /** Where to connect when it is not the URL's own host and port. */
  readonly address?: TcpAddress;
  /** PEM file of the authorities that the URL's certificate leads to; `DEFAULT_TRUSTED_CA_FILE` when absent. */
  readonly trustedCaFile?: string;
}

export interface OutboundService extends TcpAddress {
  readonly name: string;
  /** On 127.0.0.1, plain HTTP for the local application. Port 0: any free one. */
  readonly listenPort: number;
  /** The only identity that is accepted at the other end. */
  readonly spiffeId: string;
  /** The host the other service serves; the application's own `Host` when absent. */
  readonly host?: string;
}

/** Of Debian, Ubuntu and Alpine; Red Hat and Amazon Linux have `/etc/pki/tls/certs/ca-bundle.crt`. */
export const DEFAULT_TRUSTED_CA_FILE = '/etc/ssl/certs/ca-certificates.crt';
export const DEFAULT_MAX_STREAM_SECONDS = 300;
export const DEFAULT_MAX_CONNECTION_SECONDS = 3600;
