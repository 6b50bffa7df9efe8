/** Workloads without an agent, as the control plane sees them: attestor instances, entries below them, and proofs. */
import type { KeyObject } from 'node:crypto';
import { type AttestedSvidsAnswer, type AttestorTokenAnswer, PATHS } from '@postern/api';
import { type AgentCall, csrOf, type Holder, holderOf, newKey, proofOf, send } from './agents.ts';
import { TRUST_DOMAIN, type World } from './world.ts';

export async function createAttestor(world: World, settings: object): Promise<void> {
  const response = await world.admin('POST', PATHS.admin.attestors, { makes: 'workload', ...settings });
  if (response.status !== 201) throw new Error(`no attestor: ${response.status} ${await response.text()}`);
}

/** Answers the entry's id. */
export async function enterAttested(
  world: World,
  attestor: string,
  path: string,
  selectors: readonly string[],
): Promise<string> {
  const [spiffeId, parentId] = [
    `spiffe://${TRUST_DOMAIN}${path}`,
    `spiffe://${TRUST_DOMAIN}/postern/attestor/${attestor}`,
  ];
  const response = await world.admin('POST', PATHS.admin.entries, { spiffeId, parentId, selectors });
  if (response.status !== 201) throw new Error(`${path} was not entered: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

export async function createAttestorToken(world: World, attestor: string, name: string): Promise<string> {
  const response = await world.admin('POST', PATHS.admin.joinTokens, { attestor, name });
  if (response.status !== 201) throw new Error(`no token: ${response.status} ${await response.text()}`);
  return ((await response.json()) as AttestorTokenAnswer).token;
}

/** Without any credential but what the body holds. */
export const showProof = (world: World, body: object): Promise<Response> =>
  world.admin('POST', PATHS.svidsAttested, body, {});

export async function issueAttested(
  world: World,
  body: object,
  privateKey: KeyObject = newKey(),
): Promise<Holder & { readonly answer: AttestedSvidsAnswer }> {
  const response = await showProof(world, { csr: csrOf(privateKey), ...body });
  return issuedOf(response, privateKey);
}

export async function issuedOf(
  response: Response,
  privateKey: KeyObject,
): Promise<Holder & { readonly answer: AttestedSvidsAnswer }> {
  if (response.status !== 201) throw new Error(`no SVID: ${response.status} ${await response.text()}`);
  const answer = (await response.json()) as AttestedSvidsAnswer;
  const [svid] = answer.svids;
  if (svid === undefined) throw new Error('no SVID in the answer');
  return { ...holderOf(svid, privateKey), answer };
}

/** A renewal: the call is proven by the SVID's own key. */
export async function renewAttested(world: World, holder: Holder, attestor: string, key = newKey()): Promise<Response> {
  const call: AgentCall = {
    method: 'POST',
    target: PATHS.svidsAttested,
    body: { attestor, csr: csrOf(key) },
  };
  return send(world, call, await proofOf(world, holder, call));
}
