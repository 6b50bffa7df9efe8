/** One secret by its name, as envoy.extensions.transport_sockets.tls.v3.Secret. */
import { createHash } from 'node:crypto';
import { encodePem } from '@postern/der';
import type { IdentitySource, WorkloadIdentity } from '../identity_source.ts';
import { MessageWriter } from '../protobuf/writer.ts';

export const SECRET_TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const SPIFFE_VALIDATOR = 'envoy.tls.cert_validator.spiffe';
const SPIFFE_VALIDATOR_TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

/** The caller's first identity. */
const DEFAULT = 'default';
/** The authorities of the own trust domain. */
const ROOT_CA = 'ROOTCA';
/** The authorities of every trust domain that the caller may believe, each for its own SVIDs only. */
const ALL = 'ALL';
const SCHEME = 'spiffe://';

type Bundles = ReadonlyMap<string, readonly Uint8Array[]>;

export interface Secret {
  readonly name: string;
  /** Digest of its public parts; another when it changed. Envoy shows it in its statistics. */
  readonly version: string;
  /** Encoded; holds a private key when it is a certificate. */
  readonly message: Uint8Array;
}

/**
 * `name`: from the caller. `identities`: what the caller is entitled to, at least one. Undefined for a name that is
 * nothing to this caller, be it unknown or somebody else's.
 */
export function createSecret(
  name: string,
  identities: readonly WorkloadIdentity[],
  source: Pick<IdentitySource, 'bundles' | 'trustDomain'>,
): Secret | undefined {
  const bundles = source.bundles(identities);
  if (name === ALL) return createSpiffeValidation(name, bundles);
  const trustDomain = name === ROOT_CA ? source.trustDomain : trustDomainOf(name);
  if (trustDomain !== undefined) return createValidation(name, bundles.get(trustDomain) ?? []);
  const identity = name === DEFAULT ? identities[0] : identities.find(({ spiffeId }) => spiffeId === name);
  return identity && createCertificate(name, identity);
}

/** A trust domain's ID has no path, a workload's always has one (X509-SVID 3.1). */
function trustDomainOf(name: string): string | undefined {
  const rest = name.startsWith(SCHEME) ? name.slice(SCHEME.length) : '';
  return rest === '' || rest.includes('/') ? undefined : rest;
}

/** `TlsCertificate`: chain, leaf first, and its key. */
function createCertificate(name: string, { chain, privateKey }: WorkloadIdentity): Secret {
  const certificate = new MessageWriter()
    .message(1, inlineBytes(pemOf(chain)))
    .message(2, inlineBytes(encodePem('PRIVATE KEY', privateKey)));
  return { name, version: digestOf(chain), message: secret(name).message(2, certificate).finish() };
}

/** `CertificateValidationContext` with one trust domain's authorities. Envoy refuses one without any. */
function createValidation(name: string, authorities: readonly Uint8Array[]): Secret | undefined {
  if (authorities.length === 0) return undefined;
  const context = new MessageWriter().message(1, inlineBytes(pemOf(authorities)));
  return { name, version: digestOf(authorities), message: secret(name).message(4, context).finish() };
}

/**
 * The same with Envoy's SPIFFE validator, `SPIFFECertValidatorConfig`. A trust domain without authorities is left out:
 * Envoy would refuse the whole, and of one that it does not know it accepts no SVID, which is what is meant.
 */
function createSpiffeValidation(name: string, bundles: Bundles): Secret | undefined {
  const known = [...bundles].filter(([, authorities]) => authorities.length > 0);
  if (known.length === 0) return undefined;
  const config = new MessageWriter();
  for (const [trustDomain, authorities] of known)
    config.message(1, new MessageWriter().text(1, trustDomain).message(2, inlineBytes(pemOf(authorities))));
  const typed = new MessageWriter().text(1, SPIFFE_VALIDATOR_TYPE).bytes(2, config.finish());
  const validator = new MessageWriter().text(1, SPIFFE_VALIDATOR).message(2, typed);
  const version = digestOf(known.flatMap(([trustDomain, authorities]) => [Buffer.from(trustDomain), ...authorities]));
  return { name, version, message: secret(name).message(4, new MessageWriter().message(12, validator)).finish() };
}

const secret = (name: string) => new MessageWriter().text(1, name);
const inlineBytes = (text: string) => new MessageWriter().bytes(2, Buffer.from(text));
const pemOf = (certificates: readonly Uint8Array[]) =>
  certificates.map((der) => encodePem('CERTIFICATE', der)).join('');

function digestOf(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('base64url');
}
