/**
 * A workload's side of the Workload API: X.509-SVIDs from the socket of an agent, ours or another's. What comes is read
 * strictly, since files and TLS servers are made of it; it is not verified, because whoever owns the socket hands out the
 * trust bundle too. Nothing here is logged: answers hold private keys.
 */
import { accept, type Result, refuse } from '@postern/result';
import { checkX509Svid, MAX_CERTIFICATE_BYTES, parseCertificate } from '@postern/spiffe';
import { MalformedMessage, MessageReader } from '../protobuf/reader.ts';
import { followMessages, type WorkloadApiOptions, type WorkloadApiReason } from './client_call.ts';

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
  for await (const message of followMessages(options, METHOD, new Uint8Array())) {
    const update = message.ok ? parseX509SvidResponse(message.value) : message;
    yield update;
    if (!update.ok) return;
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
