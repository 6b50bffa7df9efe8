/**
 * Fetches the bundle of another trust domain (SPIFFE Federation 5). The endpoint is authenticated before the request is
 * sent: `https_web` by the web's authorities, `https_spiffe` as exactly the configured SPIFFE ID, by the newest bundle of
 * its trust domain. In bounded time and size; nothing of the answer changes where the next request goes.
 */

import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { checkEndpointUrl, type FederationRelationship } from '@postern/ca';
import { verifyX509Signature } from '@postern/keys';
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

export type FetchBundleReason =
  | BundleReason
  | 'federation-url'
  | 'endpoint-unreachable'
  | 'endpoint-untrusted'
  | 'endpoint-status'
  | 'endpoint-redirects';

export interface FetchBundlePorts {
  /** Newest bundle of a trust domain; `undefined`: the bootstrap bundle is used. */
  readonly known: TrustBundle | undefined;
  readonly nowMs: number;
  /** PEM; those of the platform when absent. */
  readonly webAuthorities?: readonly string[];
}

const TIMEOUT_MS = 5_000;
const MAX_REDIRECTS = 3;
/** Mozilla's "intermediate" (Federation 5). */
const MIN_VERSION = 'TLSv1.2';

export async function fetchBundle(
  relationship: FederationRelationship,
  ports: FetchBundlePorts,
): Promise<Result<TrustBundle, FetchBundleReason>> {
  const trustDomain = parseTrustDomain(relationship.trustDomain);
  if (!trustDomain.ok) throw new Error('a stored relationship names no trust domain', { cause: trustDomain });
  let place = relationship.url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const url = checkEndpointUrl(place);
    if (!url.ok) return url;
    const answer = await get(url.value, relationship, ports);
    if (!answer.ok) return answer;
    const { status, location, body } = answer.value;
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
}

async function get(
  url: URL,
  relationship: FederationRelationship,
  ports: FetchBundlePorts,
): Promise<Result<Answer, FetchBundleReason>> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let socket: TLSSocket | undefined;
  try {
    const connected = await connectTo(url, relationship, ports, signal);
    if (!connected.ok) return connected;
    socket = connected.value;
    const response = await ask(url, socket, signal);
    const { statusCode: status = 0, headers } = response;
    const body = status === 200 ? await readBody(response) : '';
    return body === undefined ? refuse('bundle-too-large') : accept({ status, location: headers.location, body });
  } catch (fault) {
    return refuse('endpoint-unreachable', fault instanceof Error ? codeOf(fault) : undefined);
  } finally {
    socket?.destroy();
  }
}

function codeOf(fault: Error): string {
  return 'code' in fault && typeof fault.code === 'string' ? fault.code : fault.name;
}

/** A connection to an endpoint that is who it should be. */
async function connectTo(
  url: URL,
  relationship: FederationRelationship,
  { known, nowMs, webAuthorities }: FetchBundlePorts,
  signal: AbortSignal,
): Promise<Result<TLSSocket, 'endpoint-untrusted'>> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isWeb = relationship.profile === 'https_web';
  const socket = connect({
    host,
    port: Number(url.port || 443),
    minVersion: MIN_VERSION,
    ALPNProtocols: ['http/1.1'],
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
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
  if (isWeb || isEndpoint(socket, relationship, known, nowMs)) return accept(socket);
  socket.destroy();
  return refuse('endpoint-untrusted');
}

function isEndpoint(
  socket: TLSSocket,
  { endpointSpiffeId = '', bootstrapBundle = '', trustDomain }: FederationRelationship,
  known: TrustBundle | undefined,
  nowMs: number,
): boolean {
  const id = parseSpiffeId(endpointSpiffeId);
  if (!id.ok) return false;
  // Self-serving: the newest bundle; an endpoint of a third trust domain: as configured (5.2.2.4).
  const newest = id.value.trustDomain === trustDomain ? known : undefined;
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

async function readBody(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_BUNDLE_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
