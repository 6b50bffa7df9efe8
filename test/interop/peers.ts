import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type RunningProcess, startProcess } from '../kit/process.ts';
import { findTool, type ToolName } from '../kit/tools.ts';

/** Workloads by other people's code, with the same modes, flags and JSON. */
export type Peer = {
  name: string;
  tool: ToolName;
  programArgs: readonly string[];
  /** What the kernel says that it runs, if that is not `tool`: a launcher of Java becomes the JVM. */
  runs?: ToolName;
};
export type PeerMode = 'fetch' | 'bundles' | 'watch' | 'jwt' | 'validate' | 'serve' | 'dial' | 'load';
export type PeerFlags = {
  socket: string;
  /** Seconds. */
  timeout?: number;
  count?: number;
  address?: string;
  authorize?: string;
  line?: string;
  /** Several by a comma. */
  audience?: string;
  subject?: string;
  token?: string;
};

/** What `jwt` and `validate` print. */
export type PeerJwtSvids = {
  jwtSvids: { spiffeId: string; hint?: string; audience: string[]; expiry: string; token: string }[];
};

/** What `fetch` prints, and `watch` for each update. */
export type PeerSvids = {
  svids: {
    spiffeId: string;
    serial: string;
    notBefore: string;
    notAfter: string;
    chainPem: string;
    chainLength: number;
  }[];
  authoritiesPem: Record<string, string>;
};

export const peers: readonly Peer[] = [
  { name: 'go-spiffe', tool: 'spiffe-peer', programArgs: [] },
  { name: 'Python spiffe', tool: 'python-spiffe', programArgs: [join(import.meta.dirname, 'python', 'spiffe_peer')] },
  { name: 'Rust spiffe', tool: 'rust-spiffe-peer', programArgs: [] },
  { name: 'java-spiffe', tool: 'java-spiffe-peer', programArgs: [], runs: 'java' },
];

/** Runs a peer to its end. `lines` are the JSON objects it printed, `error` what it printed of its failure. */
export function runPeer(
  peer: Peer,
  mode: PeerMode,
  flags: PeerFlags,
): Promise<{ code: number; lines: unknown[]; error: string }> {
  const { command, args } = commandOf(peer, mode, flags);
  return new Promise((resolve) => {
    execFile(command, args, { env: peerEnvironment(), encoding: 'utf8' }, (fault, stdout, stderr) => {
      const code = fault === null ? 0 : typeof fault.code === 'number' ? fault.code : 1;
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
      resolve({ code, lines: lines.map((line) => JSON.parse(line) as unknown), error: stderr });
    });
  });
}

/** Starts a peer that stays, and waits for the first line that matches. */
export function startPeer(peer: Peer, mode: PeerMode, flags: PeerFlags, ready: RegExp): Promise<RunningProcess> {
  const { command, args } = commandOf(peer, mode, flags);
  return startProcess({ name: peer.name, command, args, environment: peerEnvironment(), ready: { line: ready } });
}

/** Starts a peer's mTLS server and answers where it listens. */
export async function startPeerServer(
  peer: Peer,
  flags: PeerFlags,
): Promise<{ address: string; server: RunningProcess }> {
  const listening = /"listening": ?"([^"]+)"/;
  const server = await startPeer(peer, 'serve', flags, listening);
  return { address: server.output.match(listening)![1]!, server };
}

function commandOf(peer: Peer, mode: PeerMode, flags: PeerFlags): { command: string; args: string[] } {
  const command = findTool(peer.tool);
  if (command === undefined) throw new Error(`${peer.tool} is not installed; \`npm run tools\` says why`);
  const given = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return { command, args: [...peer.programArgs, mode, ...given] };
}

/** No byte code beside the sources, and no other Workload API than the one that was named. */
function peerEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PYTHONDONTWRITEBYTECODE: '1', SPIFFE_ENDPOINT_SOCKET: '' };
}
