/**
 * A workload's side of the Workload API's JWT half. Tokens are read and not verified: whoever owns the socket hands out the
 * keys too. Verifying the tokens of others is what `validateJwtSvid` asks the agent for.
 */
import { accept, type Result, refuse } from '@postern/result';
import { parseJwtSvid } from '@postern/spiffe';
import { MalformedMessage, MessageReader } from '../protobuf/reader.ts';
import { MessageWriter } from '../protobuf/writer.ts';
import { followMessages, type WorkloadApiOptions, type WorkloadApiReason } from './client_call.ts';

export interface WorkloadJwtSvid {
  /** `spiffe://…`, the token's own subject. */
  readonly spiffeId: string;
  /** May be empty; tells a workload's identities apart. */
  readonly hint: string;
  readonly audience: readonly string[];
  readonly expiresAtMs: number;
  /** Compact serialization. A secret until it expires. */
  readonly token: string;
}

export interface ValidatedJwtSvid {
  readonly spiffeId: string;
  readonly audience: readonly string[];
  readonly expiresAtMs: number;
}

const PATH = '/SpiffeWorkloadAPI';

/** At least one: those of this process, or the one that `spiffeId` names. `request-invalid`: what the agent says of the audience. */
export async function fetchJwtSvids(
  options: WorkloadApiOptions,
  { audience, spiffeId = '' }: { readonly audience: readonly string[]; readonly spiffeId?: string | undefined },
): Promise<Result<readonly WorkloadJwtSvid[], WorkloadApiReason>> {
  const request = new MessageWriter();
  for (const name of audience) request.bytes(1, Buffer.from(name));
  const message = await askOnce(options, `${PATH}/FetchJWTSVID`, request.text(2, spiffeId).finish());
  return message.ok ? parseJwtSvidResponse(message.value) : message;
}

/** Whose token it is, by the agent's word. `request-invalid`: nobody's; `detail` says why. `token`: untrusted. */
export async function validateJwtSvid(
  options: WorkloadApiOptions,
  { audience, token }: { readonly audience: string; readonly token: string },
): Promise<Result<ValidatedJwtSvid, WorkloadApiReason>> {
  const request = new MessageWriter().text(1, audience).text(2, token).finish();
  const message = await askOnce(options, `${PATH}/ValidateJWTSVID`, request);
  if (!message.ok) return message;
  const svid = parseJwtSvid(token);
  const named = reading(() => readTextField(message.value, 1));
  if (!named.ok) return named;
  if (!svid.ok || svid.value.spiffeId.uri !== named.value) return refuse('answer-malformed', 'of another token');
  const { spiffeId, audience: audiences, expiresAtMs } = svid.value;
  return accept({ spiffeId: spiffeId.uri, audience: audiences, expiresAtMs });
}

async function askOnce(options: WorkloadApiOptions, method: string, request: Uint8Array) {
  for await (const message of followMessages(options, method, request)) return message;
  return refuse('workload-api-ended');
}

/** `JWTSVIDResponse` (workloadapi.proto). `message`: from the socket. */
export function parseJwtSvidResponse(message: Uint8Array): Result<readonly WorkloadJwtSvid[], 'answer-malformed'> {
  const svids = reading(() => {
    const read: WorkloadJwtSvid[] = [];
    const response = new MessageReader(message);
    for (let field = response.next(); field !== 0; field = response.next()) {
      if (field === 1) read.push(readSvid(response.message()));
      else response.skip();
    }
    return read;
  });
  if (!svids.ok) return svids;
  return svids.value.length === 0 ? refuse('answer-malformed', 'no SVID') : svids;
}

function readSvid(svid: MessageReader): WorkloadJwtSvid {
  let [named, token, hint] = ['', '', ''];
  for (let field = svid.next(); field !== 0; field = svid.next()) {
    if (field === 1) named = svid.text();
    else if (field === 2) token = svid.text();
    else if (field === 3) hint = svid.text();
    else svid.skip();
  }
  const parsed = parseJwtSvid(token);
  if (!parsed.ok) throw new MalformedMessage(parsed.reason);
  const { spiffeId, audience, expiresAtMs } = parsed.value;
  // A name beside the token's own would be what a careless reader goes by.
  if (spiffeId.uri !== named) throw new MalformedMessage('the SPIFFE ID is not that of the token');
  return { spiffeId: named, hint, audience, expiresAtMs, token };
}

function readTextField(message: Uint8Array, wanted: number): string {
  const reader = new MessageReader(message);
  let text = '';
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === wanted) text = reader.text();
    else reader.skip();
  }
  return text;
}

function reading<T>(read: () => T): Result<T, 'answer-malformed'> {
  try {
    return accept(read());
  } catch (fault) {
    if (fault instanceof MalformedMessage) return refuse('answer-malformed', fault.message);
    throw fault;
  }
}
