/** Whom we are measured beside: the same policies and the same requests, for each engine in the form it takes best. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../../tools/find_tool.ts';
import { cpuPerCallUs } from '../measure/cpu_time.ts';
import { CEDAR_WASM, cedarWasmVersion, decideWithCedarWasm, prepare, staticPolicies } from './cedar_wasm.ts';
import { GO_PEERS, type GoPeerName, startGoPeer } from './go_peer.ts';
import type { PolicyWorld } from './policies.ts';
import { regoOf } from './rego.ts';
import { ISSUER, methodOf, type PlainRequest } from './requests.ts';

export type Peer = {
  readonly name: string;
  readonly version: string;
  /** Of the first requests. */
  readonly outcomes: readonly string[];
  readonly cpuPerCallUs: (calls: number) => number | Promise<number>;
};

export type Peers = {
  /** Those that are there, ready to decide about the requests of a world. */
  readonly start: (world: PolicyWorld, requests: readonly PlainRequest[]) => Promise<Peer[]>;
  /** Why some are not there. */
  readonly missing: string | undefined;
  readonly stop: () => Promise<void>;
};

const COMPARED = 100;

export async function openPeers(): Promise<Peers> {
  const program = findTool('decide-peers');
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  const stops: (() => void)[] = [];
  const startGo = async (name: GoPeerName, worldFile: string): Promise<Peer> => {
    const peer = await startGoPeer(program!, name, worldFile);
    stops.push(peer.stop);
    return { ...peer, version: `${name} ${peer.version.replace(/^v/, '')}` };
  };
  return {
    start: async (world, requests) => {
      const wasm = startCedarWasm(world, requests);
      if (program === undefined) return [wasm];
      const worldFile = join(folder, `${world.policies.length}.json`);
      await writeFile(worldFile, goWorld(world, requests));
      return [wasm, ...(await Promise.all(GO_PEERS.map((name) => startGo(name, worldFile))))];
    },
    missing:
      program === undefined
        ? `${GO_PEERS.join(' and ')} are not built, \`npm run tools\` says why: left out`
        : undefined,
    stop: async () => {
      for (const stop of stops) stop();
      await rm(folder, { recursive: true });
    },
  };
}

function startCedarWasm({ policies }: PolicyWorld, requests: readonly PlainRequest[]): Peer {
  const setId = `bench-${policies.length}`;
  prepare(setId, staticPolicies(policies));
  return {
    name: CEDAR_WASM,
    version: cedarWasmVersion(),
    outcomes: requests.slice(0, COMPARED).map((request) => decideWithCedarWasm(setId, request)),
    cpuPerCallUs: (calls) =>
      // Seven shares no factor with the number of requests: few calls meet requests of every kind all the same.
      cpuPerCallUs(calls, (index) => void decideWithCedarWasm(setId, requests[(index * 7) % requests.length]!)),
  };
}

/** What `decide-peers` reads. */
function goWorld(world: PolicyWorld, requests: readonly PlainRequest[]): string {
  const policies = world.policies.map(({ id, cedar }) => ({ id, cedar }));
  const plain = requests.map((request) => ({ issuer: ISSUER, method: methodOf(request), ...request }));
  return JSON.stringify({ policies, rego: regoOf(world), requests: plain });
}
