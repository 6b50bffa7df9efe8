/** One-time tokens: for a node that becomes an agent, or for a workload of a machine that no platform vouches for. */
import {
  type AttestorTokenAnswer,
  type ControlPlaneTrust,
  formatJoinToken,
  type JoinTokenAnswer,
  PATHS,
} from '@postern/api';
import { agentSpiffeId, type JoinTokenStore } from '@postern/ca';
import { type AttestorStore, joinTokenSubject } from '@postern/identity';
import type { TrustDomain } from '@postern/spiffe';
import type { Context } from 'hono';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import type { Door, DoorRefusal } from '../door/door.ts';
import { checkShape, integer, optional, text } from '../door/shape.ts';

export interface JoinTokenDoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly trustDomain: TrustDomain;
  readonly joinTokens: JoinTokenStore;
  readonly attestors: AttestorStore;
  /** What agents pin; travels in their tokens. */
  readonly controlPlane: () => Promise<ControlPlaneTrust>;
  readonly recordIntent: (action: string, subject: string, by: Administrator) => Promise<void>;
}

type Body = { readonly [name: string]: unknown };

const MAX_BODY_BYTES = 4096;
const DEFAULT_TTL_SECONDS = 600;
const MAX_TTL_SECONDS = 7 * 24 * 60 * 60;
const ttlSeconds = optional(integer(1, MAX_TTL_SECONDS));
/** Characters of one path segment (SPIFFE-ID 2.2). */
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;

export function mountJoinTokenDoor(door: Pick<Door, 'administrator'>, ports: JoinTokenDoorPorts): void {
  const { verifyAdministrator: verify, trustDomain, joinTokens } = ports;

  door.administrator(
    verify,
    'join-tokens:create',
    'POST',
    PATHS.admin.joinTokens,
    MAX_BODY_BYTES,
    async (context, by, body) =>
      'attestor' in body ? createForWorkload(context, by, body) : createForAgent(context, by, body),
  );

  async function createForAgent(context: Context, by: Administrator, body: Body): Promise<Response | DoorRefusal> {
    const request = checkShape(body, { agentName: text(128), ttlSeconds });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
    const agentId = agentSpiffeId(trustDomain, request.value.agentName);
    if (!agentId.ok)
      return { refused: 'malformed-request', reason: agentId.reason, detail: 'agentName is one path segment' };
    await ports.recordIntent('join-token-create', agentId.value, by);
    const created = await joinTokens.create(agentId.value, request.value.ttlSeconds ?? DEFAULT_TTL_SECONDS);
    const token = formatJoinToken({ ...(await ports.controlPlane()), secret: created.secret });
    const answer: JoinTokenAnswer = { token, agentId: agentId.value, expiresAtMs: created.expiresAtMs };
    return context.json(answer, 201, { 'cache-control': 'no-store' });
  }

  async function createForWorkload(context: Context, by: Administrator, body: Body): Promise<Response | DoorRefusal> {
    const request = checkShape(body, { attestor: text(64), name: text(128), ttlSeconds });
    if (!request.ok) return { refused: 'malformed-request', reason: request.reason, detail: request.detail };
    const { attestor, name } = request.value;
    if (!NAME.test(name))
      return { refused: 'malformed-request', reason: 'join-token-name', detail: 'name is one path segment' };
    const instance = await ports.attestors.get(attestor);
    if (instance?.kind !== 'join-token')
      return {
        refused: 'not-found',
        reason: 'attestor-unknown',
        detail: 'no attestor of kind join-token has this name',
      };
    const subject = joinTokenSubject(trustDomain, attestor, name);
    await ports.recordIntent('join-token-create', subject, by);
    const created = await joinTokens.create(subject, request.value.ttlSeconds ?? DEFAULT_TTL_SECONDS);
    const answer: AttestorTokenAnswer = { token: created.secret, attestor, name, expiresAtMs: created.expiresAtMs };
    return context.json(answer, 201, { 'cache-control': 'no-store' });
  }
}
