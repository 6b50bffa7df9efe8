/** The authority's keys of a test node, moved and watched as an operator does, and what peers show of them. */
import { X509Certificate } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { type AuthorityAnswer, type AuthorityCommand, type AuthorityStatus, PATHS, type RolledKey } from '@postern/api';
import { waitUntil } from '../kit/wait.ts';
import type { TestNode } from './node.ts';
import { type Peer, type PeerJwtSvids, type PeerSvids, runPeer } from './peers.ts';

const STEP_MS = 30_000;
/** Between two looks: whoever looks all the time takes the machine from those who do the work. */
const PACE_MS = 100;

export interface Rolling {
  operate(command: AuthorityCommand): Promise<AuthorityAnswer>;
  status(): Promise<AuthorityStatus>;
  phaseOf(key: RolledKey, generation: number): Promise<string | undefined>;
  /** Ticks until it is there; what it waits for instead is in the fault. */
  waitForPhase(key: RolledKey, generation: number, phase: string): Promise<void>;
  /** Until no agent's own SVID leads to a root that signs no more. */
  waitForAgents(superseded: number): Promise<void>;
}

export function createRolling(node: TestNode): Rolling {
  const operate = (command: AuthorityCommand) => node.admin<AuthorityAnswer>('POST', PATHS.admin.authority, command);
  const status = async () => (await node.admin<AuthorityAnswer>('GET', PATHS.admin.authority)).status;
  const phaseOf = async (key: RolledKey, generation: number) =>
    (await status()).keys[key].find((it) => it.generation === generation)?.phase;
  return {
    operate,
    status,
    phaseOf,
    async waitForPhase(key, generation, phase) {
      const waited = waitUntil(`${key} ${generation} to be ${phase}`, STEP_MS, async () => {
        await pause(PACE_MS);
        await node.plane.tick();
        return (await phaseOf(key, generation)) === phase;
      });
      await waited.catch(async (fault: Error) => {
        throw new Error(`${fault.message}: ${JSON.stringify((await status()).waits)}`, { cause: fault });
      });
    },
    waitForAgents: (superseded) =>
      waitUntil(`no agent to be under root ${superseded}`, STEP_MS, async () => {
        const wait = (await status()).waits.find(
          ({ next, generation }) => next === 'distrust' && generation === superseded,
        );
        return wait !== undefined && wait.consumers === undefined ? true : undefined;
      }).then(() => undefined),
  };
}

/** Number of the root that signed an issuer's name; the first has none in its own. */
const rootOf = (issuer: string) => Number(/Postern root ?(\d*) of/.exec(issuer)?.[1] || 1);

/** Number of the root that a peer's SVID leads to; undefined while it has none. */
export async function rootOfPeer(peer: Peer, node: TestNode): Promise<number | undefined> {
  const { code, lines } = await runPeer(peer, 'fetch', { socket: `unix://${node.socket}`, timeout: 10 });
  if (code !== 0) return undefined;
  const chain = (lines[0] as PeerSvids).svids[0]?.chainPem ?? '';
  return rootOf(new X509Certificate(chain.split(/(?<=-----END CERTIFICATE-----\n)/)[1] as string).issuer);
}

/** Only looks at what a server shows; without a certificate of its own it gets no further. */
export function rootOfServer(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const { issuerCertificate } = socket.getPeerCertificate(true);
      resolve(rootOf(String(issuerCertificate.issuer.CN)));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** A token that this peer got and verified by its own code; throws its complaint. */
export async function tokenOf(peer: Peer, node: TestNode, audience: string): Promise<string> {
  const { code, lines, error } = await runPeer(peer, 'jwt', { socket: `unix://${node.socket}`, audience });
  const token = (lines[0] as PeerJwtSvids | undefined)?.jwtSvids[0]?.token;
  if (code !== 0 || token === undefined) throw new Error(`${peer.name} got no token: ${error}`);
  return token;
}

/** What a peer says of a token, by the Workload API and by its own code: empty when it takes it. */
export async function complaintOf(peer: Peer, node: TestNode, token: string, audience: string): Promise<string> {
  const { code, error } = await runPeer(peer, 'validate', { socket: `unix://${node.socket}`, audience, token });
  return code === 0 ? '' : `${peer.name}: ${error}`;
}

export const keyIdOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
