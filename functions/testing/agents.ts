/** Agents as the control plane sees them: a key, the SVID it was issued, and calls with proofs, right or wrong. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  type AgentIdentity,
  type IssuedSvid,
  type JoinTokenAnswer,
  PATHS,
  parseJoinToken,
  type SvidsAnswer,
} from '@postern/api';
import { createCsr } from '@postern/ca';
import { createRequestProof, REQUEST_PROOF_HEADER } from '@postern/identity';
import { createSoftwareSigner } from '@postern/keys';
import type { Clock } from '@postern/store';
import { TRUST_DOMAIN, type World } from './world.ts';

/** Of a control plane what its callers need. */
export type Called = Pick<World, 'admin' | 'trust' | 'url'> & { readonly clock: Clock };

export interface Holder {
  readonly spiffeId: string;
  readonly serial: string;
  readonly chain: readonly Uint8Array[];
  readonly privateKey: KeyObject;
}

export interface AgentCall {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly body?: unknown;
}

/** What of a proof is other than it should be. */
export type ProofChange = Partial<Parameters<typeof createRequestProof>[0]> & { readonly key?: KeyObject };

export const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
export const csrOf = (key: KeyObject): string => Buffer.from(createCsr(key, {})).toString('base64');

export async function createJoinToken(world: Called, agentName: string, ttlSeconds = 600): Promise<string> {
  const response = await world.admin('POST', PATHS.admin.joinTokens, { agentName, ttlSeconds });
  if (response.status !== 201) throw new Error(`no join token: ${response.status}`);
  const parsed = parseJoinToken(((await response.json()) as JoinTokenAnswer).token);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value.secret;
}

export const join = (world: Called, body: unknown): Promise<Response> => world.admin('POST', PATHS.agentJoin, body, {});

export async function joinAgent(world: Called, agentName: string): Promise<Holder> {
  const privateKey = newKey();
  const token = await createJoinToken(world, agentName);
  const response = await join(world, { token, csr: csrOf(privateKey) });
  if (response.status !== 201)
    throw new Error(`${agentName} did not join: ${response.status} ${await response.text()}`);
  return holderOf((await response.json()) as AgentIdentity, privateKey);
}

export function holderOf(issued: IssuedSvid, privateKey: KeyObject): Holder {
  const chain = issued.chain.map((der) => Buffer.from(der, 'base64'));
  return { spiffeId: issued.spiffeId, serial: issued.serial, chain, privateKey };
}

const bytesOf = (body: unknown): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)));

export async function proofOf(
  world: Called,
  holder: Holder,
  call: AgentCall,
  change: ProofChange = {},
): Promise<string> {
  const { key = holder.privateKey, ...members } = change;
  return createRequestProof({
    method: call.method,
    target: call.target,
    body: bytesOf(call.body),
    trustDomain: TRUST_DOMAIN,
    audience: world.trust.url,
    nowMs: world.clock.nowMs(),
    signer: createSoftwareSigner(key, 'ES256'),
    chain: holder.chain,
    ...members,
  });
}

/** `proof`: in place of the right one; none when undefined. */
export function send(world: Called, call: AgentCall, proof: string | undefined): Promise<Response> {
  const headers = proof === undefined ? {} : { [REQUEST_PROOF_HEADER]: proof };
  const body = call.method === 'GET' ? null : bytesOf(call.body);
  return fetch(world.url + call.target, { method: call.method, headers, body });
}

export async function callAs(world: Called, holder: Holder, call: AgentCall, change?: ProofChange): Promise<Response> {
  return send(world, call, await proofOf(world, holder, call, change));
}

/** Enters a workload under an agent. Answers the entry's id. */
export async function enterWorkload(world: Called, agent: Holder, path: string): Promise<string> {
  const spiffeId = `spiffe://${TRUST_DOMAIN}${path}`;
  const entry = { spiffeId, parentId: agent.spiffeId, selectors: ['unix:uid:1000'] };
  const response = await world.admin('POST', PATHS.admin.entries, entry);
  if (response.status !== 201) throw new Error(`${path} was not entered: ${response.status}`);
  return ((await response.json()) as { id: string }).id;
}

/** Asks for JWT-SVIDs, one request for each entry. */
export function askJwtSvids(
  world: Called,
  agent: Holder,
  requests: readonly { readonly entryId: string; readonly audience: unknown }[],
): Promise<Response> {
  return callAs(world, agent, { method: 'POST', target: PATHS.jwtSvids, body: { requests } });
}

export async function issueWorkload(world: Called, agent: Holder, entryId: string): Promise<Holder> {
  const privateKey = newKey();
  const requests = [{ entryId, csr: csrOf(privateKey) }];
  const response = await callAs(world, agent, { method: 'POST', target: PATHS.svids, body: { requests } });
  const { svids } = (await response.json()) as SvidsAnswer;
  const [issued] = svids;
  if (issued === undefined) throw new Error(`no SVID: ${response.status}`);
  return holderOf(issued, privateKey);
}
