/**
 * Fetches the bundle of another trust domain (SPIFFE Federation 5). The endpoint is authenticated before the request is
 * sent: `https_web` by the web's authorities, `https_spiffe` as exactly the configured SPIFFE ID, by the newest bundle of
 * its trust domain. At allowed addresses, in bounded time and size; nothing of the answer changes where the next request goes.
 */

import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { checkEndpointUrl, type FederationRelationship } from '@postern/ca';
import { verifyX509Signature } from '@postern/keys';
import {
  hostOf,
  INTERMEDIATE_TLS,
  type IsAddressAllowed,
  readBounded,
  resolveByPlatform,
  resolveChecked,
} from '@postern/outbound';
import { accept, type Result, refuse } from '@postern/result';
import {
  type BundleReason,
  MAX_BUNDLE_BYTES,
  parseSpiffeId,
  parseTrustBundle,
  parseTrustDomain,
  type TrustBundle,
  verifyX509Svid,
} from '@postern/spiffe';
import { addressRuleAfter, addressRuleOf, type OutboundPlaces } from '../../outbound.ts';

export type FetchBundleReason =
  | BundleReason
  | 'federation-url'
  /** What its name, or the one of a redirect, means is where nobody may be sent. */
  | 'endpoint-address'
  | 'endpoint-unreachable'
  | 'endpoint-untrusted'
  | 'endpoint-status'
  | 'endpoint-redirects';

export interface FetchBundlePorts {
  /** Newest bundle of a trust domain; `undefined`: the bootstrap bundle is used. */
  readonly known: TrustBundle | undefined;
  /** Newest bundle of the endpoint's own trust domain, where that is a third one; absent: as configured. */
  readonly endpointBundle?: TrustBundle | undefined;
  readonly nowMs: number;
  readonly places: OutboundPlaces;
}

/** Of all of it, redirects too. */
const TIMEOUT_MS = 5_000;
const MAX_REDIRECTS = 3;

export async function fetchBundle(
  relationship: FederationRelationship,
  ports: FetchBundlePorts,
): Promise<Result<TrustBundle, FetchBundleReason>> {
  const trustDomain = parseTrustDomain(relationship.trustDomain);
  if (!trustDomain.ok) throw new Error('a stored relationship names no trust domain', { cause: trustDomain });
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let place = relationship.url;
  let rule: IsAddressAllowed | undefined;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const url = checkEndpointUrl(place);
    if (!url.ok) return url;
    rule ??= addressRuleOf(ports.places, url.value);
    const answer = await get(url.value, relationship, ports, rule, signal);
    if (!answer.ok) return answer;
    const { status, location, body, address } = answer.value;
    rule = addressRuleAfter(rule, address);
    if (status >= 300 && status < 400 && location !== undefined && URL.canParse(location, url.value.href)) {
      place = new URL(location, url.value.href).href;
      continue;
    }
    if (status !== 200) return refuse('endpoint-status', String(status));
    return parseTrustBundle(body, trustDomain.value);
  }
  return refuse('endpoint-redirects');
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
  /** That was connected to. */
  readonly address: string;
}

async function get(
  url: URL,
  relationship: FederationRelationship,
  ports: FetchBundlePorts,
  isAddressAllowed: IsAddressAllowed,
  signal: AbortSignal,
): Promise<Result<Answer, FetchBundleReason>> {
  const { resolve = resolveByPlatform } = ports.places;
  const resolved = await resolveChecked(hostOf(url), { isAddressAllowed, resolve }, signal);
  if (!resolved.ok) {
    const { reason, detail = reason } = resolved;
    return reason === 'address-refused' ? refuse('endpoint-address', detail) : refuse('endpoint-unreachable', reason);
  }
  let failed: Result<Answer, FetchBundleReason> = refuse('endpoint-unreachable');
  for (const address of resolved.value) {
    failed = await getFrom(address, url, relationship, ports, signal);
    if (failed.ok || failed.reason !== 'endpoint-unreachable') return failed;
  }
  return failed;
}

async function getFrom(
  address: string,
  url: URL,
  relationship: FederationRelationship,
  ports: FetchBundlePorts,
  signal: AbortSignal,
): Promise<Result<Answer, FetchBundleReason>> {
  let socket: TLSSocket | undefined;
  try {
    const connected = await connectTo(address, url, relationship, ports, signal);
    if (!connected.ok) return connected;
    socket = connected.value;
    const response = await ask(url, socket, signal);
    const { statusCode: status = 0, headers } = response;
    const body = status === 200 ? await readBounded(response, MAX_BUNDLE_BYTES) : accept(new Uint8Array());
    if (!body.ok) return refuse('bundle-too-large');
    return accept({ status, location: headers.location, body: Buffer.from(body.value).toString('utf8'), address });
  } catch (fault) {
    return refuse('endpoint-unreachable', fault instanceof Error ? codeOf(fault) : undefined);
  } finally {
    socket?.destroy();
  }
}

function codeOf(fault: Error): string {
  return 'code' in fault && typeof fault.code === 'string' ? fault.code : fault.name;
}

/** A connection to an endpoint that is who it should be. `address`: checked. */
async function connectTo(
  address: string,
  url: URL,
  relationship: FederationRelationship,
  ports: FetchBundlePorts,
  signal: AbortSignal,
): Promise<Result<TLSSocket, 'endpoint-untrusted'>> {
  signal.throwIfAborted();
  const { webAuthorities } = ports.places;
  const isWeb = relationship.profile === 'https_web';
  const socket = connect({
    host: address,
    port: Number(url.port || 443),
    ...INTERMEDIATE_TLS,
    ALPNProtocols: ['http/1.1'],
    // A server that is named by its address is verified by that.
    servername: isIP(hostOf(url)) === 0 ? url.hostname : '',
    // Whom a SPIFFE endpoint's certificate speaks for is not a host's name; it is verified below, before anything is sent.
    rejectUnauthorized: isWeb,
    ...(isWeb && webAuthorities !== undefined && { ca: [...webAuthorities] }),
  });
  const abort = () => socket.destroy(new Error('timeout'));
  signal.addEventListener('abort', abort, { once: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
  if (isWeb || isEndpoint(socket, relationship, ports)) return accept(socket);
  socket.destroy();
  return refuse('endpoint-untrusted');
}

function isEndpoint(
  socket: TLSSocket,
  { endpointSpiffeId = '', bootstrapBundle = '', trustDomain }: FederationRelationship,
  { known, endpointBundle, nowMs }: FetchBundlePorts,
): boolean {
  const id = parseSpiffeId(endpointSpiffeId);
  if (!id.ok) return false;
  // Self-serving or not: the newest bundle of the endpoint's own trust domain (5.2.2.4).
  const newest = id.value.trustDomain === trustDomain ? known : endpointBundle;
  const bootstrap = parseTrustBundle(bootstrapBundle, id.value.trustDomain);
  const bundle = newest ?? (bootstrap.ok ? bootstrap.value : undefined);
  if (bundle === undefined) return false;
  const verified = verifyX509Svid({
    chain: chainOf(socket.getPeerCertificate(true)),
    bundles: new Map([[bundle.trustDomain, bundle]]),
    nowMs,
    verifySignature: verifyX509Signature,
  });
  return verified.ok && verified.value.spiffeId.uri === id.value.uri;
}

/** As the endpoint sent it: each certificate refers to the one after it, and a self-signed one to itself. */
function chainOf(leaf: DetailedPeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (let next: DetailedPeerCertificate | undefined = leaf; next?.raw !== undefined && chain.length < 8; ) {
    chain.push(next.raw);
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

function ask(url: URL, socket: TLSSocket, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(url, { createConnection: () => socket, signal }, resolve);
    call.once('error', reject);
    call.end();
  });
}
