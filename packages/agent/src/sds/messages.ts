/** Messages of Envoy's secret discovery service (envoy.service.discovery.v3, envoy.extensions.transport_sockets.tls.v3). */
import { encodePem } from '@postern/der';
import type { WorkloadIdentity } from '../identity_source.ts';
import { MessageReader } from '../protobuf/reader.ts';
import { MessageWriter } from '../protobuf/writer.ts';

export const SECRET_TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const SPIFFE_VALIDATOR_TYPE =
  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

export interface DiscoveryRequest {
  readonly version: string;
  readonly resourceNames: readonly string[];
  readonly typeUrl: string;
  readonly nonce: string;
  /** Why Envoy refused the response before; empty when it did not. */
  readonly error: string;
}

export function readDiscoveryRequest(bytes: Uint8Array): DiscoveryRequest {
  const reader = new MessageReader(bytes);
  const request = { version: '', resourceNames: [] as string[], typeUrl: '', nonce: '', error: '' };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) request.version = reader.text();
    else if (field === 3) request.resourceNames.push(reader.text());
    else if (field === 4) request.typeUrl = reader.text();
    else if (field === 5) request.nonce = reader.text();
    else if (field === 6) request.error = readStatusMessage(reader.message());
    else reader.skip();
  }
  return request;
}

function readStatusMessage(reader: MessageReader): string {
  let message = '';
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) message = reader.text();
    else reader.skip();
  }
  return message || 'no reason given';
}

/** `secrets`: `Secret` messages. */
export function writeDiscoveryResponse(version: string, nonce: string, secrets: readonly Uint8Array[]): Uint8Array {
  const message = new MessageWriter().text(1, version);
  for (const secret of secrets) message.message(2, new MessageWriter().text(1, SECRET_TYPE).bytes(2, secret));
  return message.text(4, SECRET_TYPE).text(5, nonce).finish();
}

const inlineBytes = (text: string) => new MessageWriter().bytes(2, Buffer.from(text));
const pems = (certificates: readonly Uint8Array[]) => certificates.map((der) => encodePem('CERTIFICATE', der)).join('');

/** A `Secret` with a `TlsCertificate`: chain, leaf first, and its key. */
export function writeCertificateSecret(name: string, identity: WorkloadIdentity): Uint8Array {
  const certificate = new MessageWriter()
    .message(1, inlineBytes(pems(identity.chain)))
    .message(2, inlineBytes(encodePem('PRIVATE KEY', identity.privateKey)));
  return new MessageWriter().text(1, name).message(2, certificate).finish();
}

/** A `Secret` with a `CertificateValidationContext` that trusts one trust domain. */
export function writeValidationSecret(name: string, authorities: readonly Uint8Array[]): Uint8Array {
  const context = new MessageWriter().message(1, inlineBytes(pems(authorities)));
  return new MessageWriter().text(1, name).message(4, context).finish();
}

/** The same with Envoy's SPIFFE validator: each SVID is verified with its own trust domain's authorities only. */
export function writeSpiffeValidationSecret(name: string, bundles: ReadonlyMap<string, readonly Uint8Array[]>): Uint8Array {
  const config = new MessageWriter();
  for (const [trustDomain, authorities] of bundles) {
    config.message(1, new MessageWriter().text(1, trustDomain).message(2, inlineBytes(pems(authorities))));
  }
  const typed = new MessageWriter().text(1, SPIFFE_VALIDATOR_TYPE).bytes(2, config.finish());
  const validator = new MessageWriter().text(1, 'envoy.tls.cert_validator.spiffe').message(2, typed);
  return new MessageWriter().text(1, name).message(4, new MessageWriter().message(12, validator)).finish();
}
