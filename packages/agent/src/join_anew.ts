/**
 * The way back in for an agent that has an SVID and is refused with it: it was revoked and given back, or its lineage is
 * locked. A token that this folder has not joined with joins anew; what was not shipped yet stays.
 */
import { createHash } from 'node:crypto';
import { parseJoinToken } from '@postern/api';
import { type ControlPlaneClient, ControlPlaneUnreachable } from './control_plane/client.ts';
import type { Log } from './log.ts';
import { joinNode, loadTrust, type NodeIdentity, saveTrust } from './node_identity.ts';
import type { StateFolder } from './node_state/folder.ts';

const JOINED_WITH_FILE = 'joined-with';

const digestOf = (token: string) => createHash('sha256').update(token).digest('hex');

/** `token`: that the agent joined with. Its file may stay where it is: it is not shown again. */
export function rememberToken(folder: StateFolder, token: string): void {
  folder.save(JOINED_WITH_FILE, digestOf(token));
}

export const hasJoinedWith = (folder: StateFolder, token: string): boolean =>
  folder.load(JOINED_WITH_FILE) === digestOf(token);

/**
 * Undefined where the token lets nobody in, or the control plane is away: then the agent goes on with what it has. A token of
 * another trust domain is for another folder.
 */
export async function joinAnew(
  ports: {
    readonly folder: StateFolder;
    readonly createClient: (url: string) => ControlPlaneClient;
    readonly log: Log;
  },
  token: string,
  nowMs: number,
): Promise<NodeIdentity | undefined> {
  const { folder, log } = ports;
  const refused = (reason: string): undefined => log('error', 'join-refused', { reason }) as undefined;
  const parsed = parseJoinToken(token);
  if (!parsed.ok) return refused(parsed.reason);
  const { secret, ...trust } = parsed.value;
  if (trust.trustDomain !== loadTrust(folder)?.trustDomain) return refused('trust-domain');
  try {
    const joined = await joinNode({ client: ports.createClient(trust.url), folder, trust }, secret, nowMs);
    if (!joined.ok) return refused(joined.reason);
    saveTrust(folder, trust);
    rememberToken(folder, token);
    return joined.value;
  } catch (fault) {
    if (!(fault instanceof ControlPlaneUnreachable)) throw fault;
    return refused('control-plane-unreachable');
  }
}
