/**
 * The agent's own SVID: had by joining with a one-time token, renewed with the SVID before it, kept in the agent's
 * folder so that a restart needs no new join. Its key signs the proofs of every call.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type AgentIdentity, type ControlPlaneTrust, parseJoinToken } from '@postern/api';
import { type AuthorityReason, bundleOf, createCsr, knowsRoot, verifyAuthorityState } from '@postern/ca';
import { verifyX509Signature } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { parseTrustBundle, parseTrustDomain, type TrustBundle, verifyX509Svid } from '@postern/spiffe';
import type { CallReason, ControlPlaneClient } from './control_plane/client.ts';
import type { StateFolder } from './node_state/folder.ts';

const IDENTITY_FILE = 'identity.json';
const TRUST_FILE = 'trust.json';

export interface NodeIdentity {
  readonly spiffeId: string;
  readonly serial: string;
  readonly chain: readonly Uint8Array[];
  /** DER: what SVIDs are verified with before the feed says more; pinned, or as the authority's signed state says. */
  readonly authorities: readonly Uint8Array[];
  /** Of the bundle that those were in; absent in what an earlier version stored. */
  readonly bundleSequence?: number;
  readonly privateKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export type JoinReason =
  | CallReason
  | 'join-token-malformed'
  | 'root-not-pinned'
  | 'bundle-malformed'
  | 'authority-older'
  | AuthorityReason
  | 'svid-invalid'
  | 'svid-foreign-key';

/** The agent cannot start: what it lacks is in `reason`. */
export class AgentNotJoined extends Error {
  override readonly name = 'AgentNotJoined';
  readonly reason: JoinReason | 'join-token-missing' | 'svid-expired';
  constructor(reason: AgentNotJoined['reason']) {
    super(
      `the agent has not joined: ${reason}; make a new join token (\`postern token create\`) and start it with that`,
    );
    this.reason = reason;
  }
}

/** What the agent pinned when it joined; undefined before. */
export function loadTrust(folder: StateFolder): ControlPlaneTrust | undefined {
  const text = folder.load(TRUST_FILE);
  return text === undefined ? undefined : (JSON.parse(text) as ControlPlaneTrust);
}

/** Pins what the join token carries. `token`: secret, from the operator. */
export function pinTrust(
  folder: StateFolder,
  token: string,
): Result<{ trust: ControlPlaneTrust; secret: string }, 'join-token-malformed'> {
  const parsed = parseJoinToken(token);
  if (!parsed.ok) return parsed;
  const { secret, ...trust } = parsed.value;
  saveTrust(folder, trust);
  return accept({ trust, secret });
}

export function saveTrust(folder: StateFolder, trust: ControlPlaneTrust): void {
  folder.save(TRUST_FILE, JSON.stringify(trust));
}

/** The stored SVID, when it has not expired. */
export function loadNodeIdentity(folder: StateFolder, nowMs: number): NodeIdentity | undefined {
  const text = folder.load(IDENTITY_FILE);
  if (text === undefined) return undefined;
  const stored = JSON.parse(text) as StoredIdentity;
  if (stored.notAfterMs <= nowMs) return undefined;
  return {
    ...stored,
    chain: stored.chain.map((der) => Buffer.from(der, 'base64')),
    authorities: stored.authorities.map((der) => Buffer.from(der, 'base64')),
    privateKey: createPrivateKey({ key: Buffer.from(stored.privateKey, 'base64'), format: 'der', type: 'pkcs8' }),
  };
}

interface StoredIdentity extends Omit<NodeIdentity, 'chain' | 'authorities' | 'privateKey'> {
  readonly chain: readonly string[];
  readonly authorities: readonly string[];
  readonly privateKey: string;
}

/** Joins with the one-time secret; the answer is believed only if its root is the one that the token pins. */
export async function joinNode(
  ports: { readonly client: ControlPlaneClient; readonly folder: StateFolder; readonly trust: ControlPlaneTrust },
  secret: string,
  nowMs: number,
): Promise<Result<NodeIdentity, JoinReason>> {
  const { privateKey, csr } = createKeyAndCsr();
  const answer = await ports.client.join({ token: secret, csr });
  return answer.ok ? adopt(ports, answer.value, privateKey, nowMs, undefined) : answer;
}

/** The call is signed by the present SVID; a new key each time. */
export async function renewNode(
  ports: { readonly client: ControlPlaneClient; readonly folder: StateFolder; readonly trust: ControlPlaneTrust },
  nowMs: number,
  present: NodeIdentity,
): Promise<Result<NodeIdentity, JoinReason>> {
  const { privateKey, csr } = createKeyAndCsr();
  const answer = await ports.client.renew(csr);
  return answer.ok ? adopt(ports, answer.value, privateKey, nowMs, present) : answer;
}

function createKeyAndCsr(): { privateKey: KeyObject; csr: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, csr: Buffer.from(createCsr(privateKey, {})).toString('base64') };
}

function adopt(
  ports: { readonly folder: StateFolder; readonly trust: ControlPlaneTrust },
  answer: AgentIdentity,
  privateKey: KeyObject,
  nowMs: number,
  present: NodeIdentity | undefined,
): Result<NodeIdentity, JoinReason> {
  const bundle =
    answer.authority === undefined
      ? pinnedBundle(answer.trustBundle, ports.trust)
      : signedBundle(answer.authority, ports.trust, present);
  if (!bundle.ok) return bundle;
  const chain = answer.chain.map((der) => new Uint8Array(Buffer.from(der, 'base64')));
  const verified = verifyX509Svid({
    chain,
    bundles: new Map([[ports.trust.trustDomain, bundle.value]]),
    nowMs,
    verifySignature: verifyX509Signature,
  });
  if (!verified.ok) return refuse('svid-invalid', verified.reason);
  const spki = createPublicKeyDer(privateKey);
  if (!spki.equals(verified.value.leaf.spki)) return refuse('svid-foreign-key');
  const identity: NodeIdentity = {
    spiffeId: verified.value.spiffeId.uri,
    serial: verified.value.serial,
    chain,
    authorities: bundle.value.x509Authorities,
    ...(answer.authority !== undefined && { bundleSequence: bundle.value.sequence ?? 0 }),
    privateKey,
    notBeforeMs: verified.value.leaf.notBeforeMs,
    notAfterMs: verified.value.leaf.notAfterMs,
  };
  saveNodeIdentity(ports.folder, identity);
  return accept(identity);
}

function createPublicKeyDer(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
}

function saveNodeIdentity(folder: StateFolder, identity: NodeIdentity): void {
  const stored: StoredIdentity = {
    ...identity,
    chain: identity.chain.map((der) => Buffer.from(der).toString('base64')),
    authorities: identity.authorities.map((der) => Buffer.from(der).toString('base64')),
    privateKey: identity.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  };
  folder.save(IDENTITY_FILE, JSON.stringify(stored));
}

/**
 * As the assertion key says, which the token pins; so a token outlives a roll-over. At the join the root that it pins must
 * be one that the authority knows; afterwards the state only goes forward.
 */
function signedBundle(
  jws: string,
  trust: ControlPlaneTrust,
  present: NodeIdentity | undefined,
): Result<TrustBundle, JoinReason> {
  const state = verifyAuthorityState(jws, trust.assertionKeys, trust.trustDomain);
  if (!state.ok) return state;
  if (present === undefined && !knowsRoot(state.value, trust.rootDigest)) return refuse('root-not-pinned');
  const bundle = bundleOf(state.value);
  return (bundle.sequence ?? 0) < (present?.bundleSequence ?? 0) ? refuse('authority-older') : accept(bundle);
}

/** The token pins the root: a bundle without it is somebody else's. */
function pinnedBundle(text: string, trust: ControlPlaneTrust): Result<TrustBundle, JoinReason> {
  const trustDomain = parseTrustDomain(trust.trustDomain);
  if (!trustDomain.ok) return refuse('bundle-malformed', trustDomain.reason);
  const bundle = parseTrustBundle(text, trustDomain.value);
  if (!bundle.ok) return refuse('bundle-malformed', bundle.reason);
  const pinned = bundle.value.x509Authorities.filter(
    (der) => createHash('sha256').update(der).digest('hex') === trust.rootDigest,
  );
  if (pinned.length === 0) return refuse('root-not-pinned');
  return accept({ ...bundle.value, x509Authorities: pinned });
}
