/**
 * What an enforcement point asks, after its wire format was read and before anything in it is believed. Both ext_authz
 * flavours (gRPC and HTTP) and both places (agent and function) arrive here.
 */
export interface CheckRequest {
  /** Named by the proxy's configuration, never by the client. */
  readonly service: string;
  readonly method: string;
  /** Request target exactly as the proxy received it: never decoded, never normalised, never through `URL`. */
  readonly target: string;
  readonly authority: string;
  readonly scheme: string;
  /** Every header line in order, names lower case, values as received; repeated headers are several entries where the wire keeps them apart. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Peer leaf certificate, DER, as the proxy handed it over; absent when the client had none. */
  readonly peerCertificate?: Uint8Array;
  /** What the proxy said of the peer; only compared, never believed alone (X2). */
  readonly peerPrincipal?: string;
  /** Raw `x-forwarded-client-cert`, only from a listener known to sanitise it. */
  readonly forwardedClientCert?: string;
  /** Direct peer address of the proxy's downstream, without port. */
  readonly sourceAddress?: string;
  readonly requestId?: string;
  readonly transport: 'grpc' | 'http';
}

/** Who asks. Established by the transport: peer credentials, an SVID of the TLS connection, or an IAM role. */
export interface EnforcementPoint {
  /** SPIFFE ID or role ARN. */
  readonly id: string;
  readonly kind: 'peer-credentials' | 'svid' | 'iam';
}
