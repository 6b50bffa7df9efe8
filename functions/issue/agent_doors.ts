/** Where nodes become agents, and stay so: join by a token or by a platform's proof, and renewal by the agent's own SVID. */
import { type AgentIdentity, PATHS } from '@postern/api';
import {
  AGENT_PATH,
  AGENT_PROFILE,
  type Authority,
  agentSpiffeId,
  type IssuedCertificate,
  type JoinTokenStore,
  type LineageStore,
  parseCsr,
} from '@postern/ca';
import { type AttestorInstance, fillClaimNames } from '@postern/identity';
import { formatTrustBundle, type TrustBundle, type TrustDomain } from '@postern/spiffe';
import { parseJsonObject } from '../door/body.ts';
import type { AuthenticateAgent, Call, Door, DoorRefusal } from '../door/door.ts';
import { checkShape, text } from '../door/shape.ts';
import { MAX_PROOF_TEXT, type Prove } from './attestation.ts';
import { MAX_CSR_TEXT, ownId, refusedIssue, svidOf } from './issued.ts';

export interface AgentDoorPorts {
  readonly trustDomain: TrustDomain;
  readonly authenticate: AuthenticateAgent;
  readonly authority: Authority;
  readonly joinTokens: JoinTokenStore;
  readonly lineages: LineageStore;
  readonly bundle: () => Promise<TrustBundle>;
  /** The state of the authority, as `rotate` signed it. */
  readonly authorityJws: () => Promise<string>;
  /** Its bundle is waited for until its SVID ends. */
  readonly noteAgent: (agentId: string, notAfterMs: number) => Promise<void>;
  readonly prove: Prove;
  /** Whether an issuer is at hand and records are taken, before a join token is spent on it; rejects when not. */
  readonly prepareJoin: (agentId: string) => Promise<void>;
  /** Durable when it resolves. */
  readonly recordJoin: (join: { readonly agentId: string; readonly serial: string }) => Promise<void>;
  readonly recordLock: (agentId: string, serial: string) => Promise<void>;
}

const MAX_JOIN_BYTES = MAX_CSR_TEXT + MAX_PROOF_TEXT + 1024;
const MAX_RENEW_BYTES = 16 * 1024;

/** Who joins, and what it showed. */
type Joining = { readonly agentId: string; readonly requester: string; readonly csr: string } | DoorRefusal;

export function mountAgentDoors(door: Pick<Door, 'open' | 'agent'>, ports: AgentDoorPorts): void {
  door.open('POST', PATHS.agentJoin, MAX_JOIN_BYTES, async (context, call) => {
    const body = parseJsonObject(call.body);
    if (!body.ok) return { refused: 'malformed-request', reason: body.reason };
    const joining = 'attestor' in body.value ? await joinByProof(body.value, call) : await joinByToken(body.value);
    if ('refused' in joining) return joining;
    const issued = await issueAgent(joining.agentId, joining.csr, joining.requester);
    if ('refused' in issued) return issued;
    await ports.lineages.start(issued.spiffeId, issued.serial);
    await ports.recordJoin({ agentId: issued.spiffeId, serial: issued.serial });
    return context.json(await identityOf(issued), 201);
  });

  door.agent(ports.authenticate, 'POST', PATHS.agentRenew, MAX_RENEW_BYTES, async (context, agent, body) => {
    const request = checkShape(body, { csr: text(MAX_CSR_TEXT) });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    const mayRenew = await ports.lineages.check(agent.spiffeId, agent.serial);
    if (!mayRenew.ok) {
      if (mayRenew.reason === 'serial-superseded') await ports.recordLock(agent.spiffeId, agent.serial);
      return { refused: 'not-permitted', reason: mayRenew.reason };
    }
    const issued = await issueAgent(agent.spiffeId, request.value.csr, agent.spiffeId);
    if ('refused' in issued) return issued;
    const advanced = await ports.lineages.advance(agent.spiffeId, agent.serial, issued.serial);
    if (!advanced.ok) return { refused: 'conflict', reason: advanced.reason };
    return context.json(await identityOf(issued), 201);
  });

  async function joinByToken(body: { readonly [name: string]: unknown }): Promise<Joining> {
    const request = checkShape(body, { token: text(128), csr: text(MAX_CSR_TEXT) });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    // Before the token is spent: a node that sends a request of the wrong kind may correct it.
    const csr = parseCsr(Buffer.from(request.value.csr, 'base64'));
    if (!csr.ok) return { refused: 'malformed-request', reason: csr.reason };
    const { token } = request.value;
    const known = await ports.joinTokens.check(token);
    // A token for a workload at an attestor makes no agent.
    if (known.ok && !ownId(known.value.agentId).path.startsWith(AGENT_PATH))
      return { refused: 'not-authenticated', reason: 'join-token-purpose' };
    const joined = known.ok ? await ports.joinTokens.consume(token, ports.prepareJoin) : known;
    if (!joined.ok) return { refused: 'not-authenticated', reason: joined.reason };
    const { agentId } = joined.value;
    return { agentId, requester: agentId, csr: request.value.csr };
  }

  async function joinByProof(body: { readonly [name: string]: unknown }, call: Call): Promise<Joining> {
    const shape = { attestor: text(64), proof: text(MAX_PROOF_TEXT), csr: text(MAX_CSR_TEXT) };
    const request = checkShape(body, shape);
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason };
    let agentId: string | undefined;
    const proven = await ports.prove({ ...request.value, call, makes: 'agent' }, async ({ claims }, instance) => {
      agentId = agentIdOf(claims, instance);
      if (agentId !== undefined) await ports.prepareJoin(agentId);
    });
    if ('refused' in proven) return proven;
    const { requester } = proven;
    if (agentId === undefined) return { refused: 'not-permitted', reason: 'agent-name', by: requester };
    return { agentId, requester, csr: request.value.csr };
  }

  /** Of verified claims only; `undefined` where they make no name of one path segment. */
  function agentIdOf(claims: ReadonlyMap<string, string>, instance: AttestorInstance): string | undefined {
    const name = fillClaimNames(instance.agentName ?? '', claims);
    const id = name.ok ? agentSpiffeId(ports.trustDomain, name.value) : undefined;
    return id?.ok === true ? id.value : undefined;
  }

  async function issueAgent(agentId: string, csr: string, requester: string): Promise<IssuedCertificate | DoorRefusal> {
    const issued = await ports.authority.issueX509Svid({
      spiffeId: ownId(agentId),
      dnsNames: [],
      profile: AGENT_PROFILE,
      csr: Buffer.from(csr, 'base64'),
      requester,
    });
    return issued.ok ? issued.value : refusedIssue(issued.reason);
  }

  async function identityOf(issued: IssuedCertificate): Promise<AgentIdentity> {
    await ports.noteAgent(issued.spiffeId, issued.notAfterMs);
    const [bundle, authority] = await Promise.all([ports.bundle(), ports.authorityJws()]);
    return { ...svidOf(issued), trustBundle: formatTrustBundle(bundle), authority };
  }
}
