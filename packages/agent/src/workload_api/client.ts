/**
 * A workload's side of the Workload API: X.509-SVIDs from the socket of an agent, ours or another's. What comes is read
 * strictly, since files and TLS servers are made of it; it is not verified, because whoever owns the socket hands out the
 * trust bundle too. Nothing here is logged: answers hold private keys.
 */
import http2 from 'node:http2';
import net from 'node:net';
import { accept, type Result, refuse } from '@postern/result';
import { checkX509Svid, MAX_CERTIFICATE_BYTES, parseCertificate } from '@postern/spiffe';
import { FrameReader, frame } from '../grpc/frames.ts';
import { GRPC_STATUS, GrpcError } from '../grpc/status.ts';
import { MalformedMessage, MessageReader } from '../protobuf/reader.ts';

export interface WorkloadSvid {
  /** `spiffe://…`, the one in the certificate. */
  readonly spiffeId: string;
  /** May be empty; tells a workload's identities apart. */
  readonly hint: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** PKCS#8 DER, unencrypted. A secret. */
  readonly privateKey: Uint8Array;
  /** X.509 authorities of the own trust domain, DER. */
  readonly bundle: readonly Uint8Array[];
}

export interface WorkloadSvids {
  /** At least one; the first is the default. */
  readonly svids: readonly WorkloadSvid[];
  /** Trust domain's SPIFFE ID → X.509 authorities, DER. */
  readonly federatedBundles: ReadonlyMap<string, readonly Uint8Array[]>;
}

/**
 * `workload-api-unreachable`: nobody listens there, or it is not a Workload API · `workload-api-timeout`: no answer in
 * time · `workload-api-not-ready`: the agent has nothing yet, ask again · `identity-not-issued`: no entry fits this
 * process · `workload-api-refused`: any other status, its number in `detail` · `workload-api-ended`: the agent stopped ·
 * `answer-malformed`: what came is no X509SVIDResponse.
 */
export type WorkloadApiReason =
  | 'workload-api-unreachable'
  | 'workload-api-timeout'
  | 'workload-api-not-ready'
  | 'identity-not-issued'
  | 'workload-api-refused'
  | 'workload-api-ended'
  | 'answer-malformed';

export interface WorkloadApiOptions {
  /** Path of the Unix socket. */
  readonly socketPath: string;
  /** For the first answer; later ones come when there is something new. */
  readonly timeoutMs: number;
  /** Ends the stream without a refusal. */
  readonly signal?: AbortSignal;
}

type Update = Result<WorkloadSvids, WorkloadApiReason>;

const METHOD = '/SpiffeWorkloadAPI/FetchX509SVID';
const SEQUENCE = 0x30;

/** What this process is entitled to now. Cost: one connection, closed when it resolves. */
export async function fetchX509Svids(options: WorkloadApiOptions): Promise<Update> {
  for await (const update of followX509Svids(options)) return update;
  return refuse('workload-api-ended');
}

/** What this process is entitled to, now and after each change; a refusal is the last. Holds one connection. */
export async function* followX509Svids(options: WorkloadApiOptions): AsyncGenerator<Update, void> {
  const { socketPath, timeoutMs, signal } = options;
  if (signal?.aborted) return;
  const session = http2.connect('http://workload-api', { createConnection: () => net.connect(socketPath) });
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': METHOD,
    'content-type': 'application/grpc',
    te: 'trailers',
    'workload.spiffe.io': 'true',
  });
  let isTimedOut = false;
  let status: string | undefined;
  const readStatus = (headers: http2.IncomingHttpHeaders) => {
    status = headers['grpc-status']?.toString() ?? status;
  };
  stream.on('response', readStatus);
  stream.on('trailers', readStatus);
  stream.end(frame(new Uint8Array()));
  const timer = setTimeout(() => {
    isTimedOut = true;
    session.destroy();
  }, timeoutMs);
  const abort = () => session.destroy();
  signal?.addEventListener('abort', abort);

  try {
    const frames = new FrameReader();
    for await (const chunk of stream) {
      for (const message of frames.push(chunk as Buffer)) {
        clearTimeout(timer);
        const update = parseX509SvidResponse(message);
        yield update;
        if (!update.ok) return;
      }
    }
    if (signal?.aborted !== true) yield refuseBy(status, isTimedOut);
  } catch (fault) {
    if (signal?.aborted) return;
    if (fault instanceof GrpcError) yield refuse('answer-malformed', fault.message);
    else yield refuseBy(status, isTimedOut, fault);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    session.destroy();
  }
}

function refuseBy(status: string | undefined, isTimedOut: boolean, fault?: unknown): Update {
  if (isTimedOut) return refuse('workload-api-timeout');
  switch (status === undefined ? undefined : Number(status)) {
    case undefined:
      return refuse('workload-api-unreachable', (fault as NodeJS.ErrnoException | undefined)?.code);
    case GRPC_STATUS.OK:
      return refuse('workload-api-ended');
    case GRPC_STATUS.PERMISSION_DENIED:
      return refuse('identity-not-issued');
    case GRPC_STATUS.UNAVAILABLE:
      return refuse('workload-api-not-ready');
    default:
      return refuse('workload-api-refused', `status ${status?.slice(0, 8)}`);
  }
}

/** `X509SVIDResponse` (workloadapi.proto). `message`: from the socket; views of it are in the result. */
export function parseX509SvidResponse(message: Uint8Array): Result<WorkloadSvids, 'answer-malformed'> {
  const svids: WorkloadSvid[] = [];
  const federatedBundles = new Map<string, readonly Uint8Array[]>();
  try {
    const response = new MessageReader(message);
    for (let field = response.next(); field !== 0; field = response.next()) {
      if (field === 1) svids.push(readSvid(response.message()));
      else if (field === 3) federatedBundles.set(...readBundleEntry(response.message()));
      else response.skip();
    }
    return svids.length === 0 ? refuse('answer-malformed', 'no SVID') : accept({ svids, federatedBundles });
  } catch (fault) {
    if (fault instanceof MalformedMessage) return refuse('answer-malformed', fault.message);
    throw fault;
  }
}

function readSvid(svid: MessageReader): WorkloadSvid {
  let named = '';
  let hint = '';
  let chainBytes: Uint8Array = new Uint8Array();
  let privateKey: Uint8Array = new Uint8Array();
  let bundleBytes: Uint8Array = new Uint8Array();
  for (let field = svid.next(); field !== 0; field = svid.next()) {
    if (field === 1) named = svid.text();
    else if (field === 2) chainBytes = svid.bytes();
    else if (field === 3) privateKey = svid.bytes();
    else if (field === 4) bundleBytes = svid.bytes();
    else if (field === 5) hint = svid.text();
    else svid.skip();
  }
  const chain = splitCertificates(chainBytes);
  const leaf = parseCertificate(chain[0] ?? new Uint8Array());
  if (!leaf.ok) throw new MalformedMessage(leaf.reason);
  const spiffeId = checkX509Svid(leaf.value);
  if (!spiffeId.ok) throw new MalformedMessage(spiffeId.reason);
  // A name beside the certificate's own would be what a careless reader goes by.
  if (spiffeId.value.uri !== named) throw new MalformedMessage('the SPIFFE ID is not that of the certificate');
  if (privateKey.length === 0) throw new MalformedMessage('no private key');
  const { serial, notBeforeMs, notAfterMs } = leaf.value;
  return {
    spiffeId: named,
    hint,
    serial,
    notBeforeMs,
    notAfterMs,
    chain,
    privateKey,
    bundle: splitCertificates(bundleBytes),
  };
}

/** An entry of `map<string, bytes>`. */
function readBundleEntry(entry: MessageReader): [string, readonly Uint8Array[]] {
  let trustDomainId = '';
  let bundle: readonly Uint8Array[] = [];
  for (let field = entry.next(); field !== 0; field = entry.next()) {
    if (field === 1) trustDomainId = entry.text();
    else if (field === 2) bundle = splitCertificates(entry.bytes());
    else entry.skip();
  }
  return [trustDomainId, bundle];
}

/** Certificates one after the other without anything between them (Workload API 5.2.1); each is read before it is used. */
function splitCertificates(bytes: Uint8Array): readonly Uint8Array[] {
  const certificates: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = certificateBytes(bytes.subarray(at));
    const certificate = bytes.subarray(at, at + length);
    const parsed = certificate.length === length ? parseCertificate(certificate) : refuse('certificate-cut');
    if (!parsed.ok) throw new MalformedMessage(parsed.reason);
    certificates.push(certificate);
    at += length;
  }
  return certificates;
}

/** Header and content of the DER sequence at the beginning. */
function certificateBytes(bytes: Uint8Array): number {
  const [tag, first = 0x80] = bytes;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  let length = octets === 0 ? first : 0;
  for (const octet of bytes.subarray(2, 2 + octets)) length = length * 256 + octet;
  if (tag !== SEQUENCE || first === 0x80 || octets > 2 || length > MAX_CERTIFICATE_BYTES)
    throw new MalformedMessage('not a certificate');
  return 2 + octets + length;
}
