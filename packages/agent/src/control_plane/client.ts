/**
 * The agent's calls to the control plane: HTTPS with JSON, each with a proof signed by the agent's SVID key over method,
 * target, body hash and a single-use id, so that no session and no TLS client certificate is needed. Every call is
 * bounded in time and in the size of the answer. A refusal by the control plane is a value; not reaching it throws
 * `ControlPlaneUnreachable`.
 */
import type {
  AgentEntries,
  AgentIdentity,
  JoinRequest,
  JwtSvidsAnswer,
  JwtSvidsRequest,
  ProblemCode,
  SegmentsAnswer,
  SegmentsRequest,
  SvidsAnswer,
  SvidsRequest,
} from '@postern/api';
import { PATHS } from '@postern/api';
import type { FeedPage } from '@postern/feed';
import { accept, type Result, refuse } from '@postern/result';

export class ControlPlaneUnreachable extends Error {
  override readonly name = 'ControlPlaneUnreachable';
}

/** Thrown by a `SendCall` that signs and has nothing to sign with: nothing was sent. */
export class CredentialsMissing extends Error {
  override readonly name = 'CredentialsMissing';
}

export interface OutgoingCall {
  readonly method: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
  readonly redirect: 'error';
}

/** As `fetch` does. */
export type SendCall = (url: string, call: OutgoingCall) => Promise<Response>;

interface Door {
  /** Origin. */
  readonly url: string;
  readonly send: SendCall;
  /** What a 403 that is no problem document says: who guards the door does not know our codes. */
  readonly forbidden: CallReason;
}

/** Signs a proof of possession for one call; undefined while the agent has no SVID. */
export type SignProof = (call: { method: string; target: string; body: Uint8Array }) => Promise<string | undefined>;

/** `role-not-permitted`: IAM, before our door, does not let this node's role in. */
export type CallReason = ProblemCode | 'answer-malformed' | 'answer-too-large' | 'role-not-permitted';

export interface ControlPlaneClient {
  join(request: JoinRequest): Promise<Result<AgentIdentity, CallReason>>;
  renew(csr: string): Promise<Result<AgentIdentity, CallReason>>;
  /** `unchanged` when the entries still have this validator. */
  entries(etag?: string): Promise<Result<{ entries: AgentEntries; etag?: string } | 'unchanged', CallReason>>;
  svids(request: SvidsRequest): Promise<Result<SvidsAnswer, CallReason>>;
  jwtSvids(request: JwtSvidsRequest): Promise<Result<JwtSvidsAnswer, CallReason>>;
  /**
   * `bundle`: sequence of the trust bundle that this node has handed on; for a rollover that waits for it. `wanted`: a federated
   * trust domain whose bundle does not have what it shows.
   */
  feedPage(position: {
    epoch: string;
    after: number;
    bundle?: number;
    wanted?: string;
  }): Promise<Result<FeedPage, CallReason>>;
  release(number: number): Promise<Result<string, CallReason>>;
  sendSegments(request: SegmentsRequest): Promise<Result<SegmentsAnswer, CallReason>>;
}

const TIMEOUT_MS = 10_000;
const MAX_JSON_BYTES = 8 * 1024 * 1024;
/** The largest release (32 MiB) as a JWS. */
const MAX_RELEASE_ANSWER_BYTES = 44 * 1024 * 1024;

interface Call {
  /** The public one when absent. */
  readonly door?: Door;
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly body?: unknown;
  readonly etag?: string;
  readonly maxBytes?: number;
}

interface Answer {
  readonly status: number;
  readonly etag?: string;
  readonly text: string;
}

/** `ingest`: where segments go, and by whose signature; to `url` when absent. */
export function createControlPlaneClient(ports: {
  readonly url: string;
  readonly signProof: SignProof;
  readonly ingest?: Pick<Door, 'url' | 'send'> | undefined;
}): ControlPlaneClient {
  const publicDoor: Door = { url: ports.url, send: fetch, forbidden: 'answer-malformed' };
  const ingestDoor: Door =
    ports.ingest === undefined ? publicDoor : { ...ports.ingest, forbidden: 'role-not-permitted' };

  async function call({
    door = publicDoor,
    method,
    target,
    body,
    etag,
    maxBytes = MAX_JSON_BYTES,
  }: Call): Promise<Result<Answer, CallReason>> {
    const bytes = body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body));
    const headers: Record<string, string> = { accept: 'application/json' };
    const proof = await ports.signProof({ method, target, body: bytes });
    if (proof !== undefined) headers['postern-proof'] = proof;
    if (etag !== undefined) headers['if-none-match'] = etag;
    if (body !== undefined) headers['content-type'] = 'application/json';
    let response: Response;
    let text: string | undefined;
    try {
      // `redirect: 'error'`: a proof is for one origin and one target.
      response = await door.send(door.url + target, {
        method,
        headers,
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: bytes }),
      });
      text = await readBounded(response, maxBytes);
    } catch (cause) {
      if (cause instanceof CredentialsMissing) throw cause;
      throw new ControlPlaneUnreachable(`\`${door.url}\` does not answer`, { cause });
    }
    if (text === undefined) return refuse('answer-too-large');
    if (response.status >= 500) throw new ControlPlaneUnreachable(`\`${door.url}\` answers ${response.status}`);
    if (response.status >= 400)
      return refuse(codeOf(text) ?? (response.status === 403 ? door.forbidden : 'answer-malformed'));
    return accept({ status: response.status, etag: response.headers.get('etag') ?? undefined, text });
  }

  async function callJson<T>(request: Call): Promise<Result<T, CallReason>> {
    const answer = await call(request);
    return answer.ok ? parseJson<T>(answer.value.text) : answer;
  }

  return {
    join: (request) => callJson({ method: 'POST', target: PATHS.agentJoin, body: request }),
    renew: (csr) => callJson({ method: 'POST', target: PATHS.agentRenew, body: { csr } }),
    async entries(etag) {
      const answer = await call({ method: 'GET', target: PATHS.agentEntries, etag });
      if (!answer.ok) return answer;
      if (answer.value.status === 304) return accept('unchanged');
      const entries = parseJson<AgentEntries>(answer.value.text);
      return entries.ok ? accept({ entries: entries.value, etag: answer.value.etag }) : entries;
    },
    svids: (request) => callJson({ method: 'POST', target: PATHS.svids, body: request }),
    jwtSvids: (request) => callJson({ method: 'POST', target: PATHS.jwtSvids, body: request }),
    feedPage({ epoch, after, bundle, wanted }) {
      const said =
        (bundle === undefined ? '' : `&bundle=${bundle}`) +
        (wanted === undefined ? '' : `&wanted=${encodeURIComponent(wanted)}`);
      const target = `${PATHS.feed}?epoch=${encodeURIComponent(epoch)}&after=${after}${said}`;
      return callJson({ method: 'GET', target });
    },
    async release(number) {
      const target = PATHS.release(number);
      const answer = await call({ method: 'GET', target, maxBytes: MAX_RELEASE_ANSWER_BYTES });
      return answer.ok ? accept(answer.value.text) : answer;
    },
    sendSegments: (request) => callJson({ door: ingestDoor, method: 'POST', target: PATHS.segments, body: request }),
  };
}

async function readBounded(response: Response, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson<T>(text: string): Result<T, CallReason> {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null ? accept(value as T) : refuse('answer-malformed');
  } catch {
    return refuse('answer-malformed');
  }
}

function codeOf(problem: string): ProblemCode | undefined {
  const parsed = parseJson<{ code?: unknown }>(problem);
  return parsed.ok && typeof parsed.value.code === 'string' ? (parsed.value.code as ProblemCode) : undefined;
}
