/** Ours and whom we are measured beside: the same policies and requests, for each engine in the form it takes best. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatRelease } from '@postern/policy-engine';
import { findTool } from '../../tools/find_tool.ts';
import { repositoryFolder } from '../../tools/places.ts';
import { bundleProgram } from './bundle_program.ts';
import { CEDAR_WASM, staticPolicies } from './cedar_wasm.ts';
import { type EngineProcess, startEngine } from './engine_process.ts';
import { regoOf } from './rego.ts';
import type { ReleasedWorld } from './release.ts';
import { ISSUER, methodOf, type PlainRequest } from './requests.ts';

export const OURS = 'ours';
const GO_PEERS = ['cedar-go', 'opa'];
const PROGRAM = join(import.meta.dirname, 'decide_program.ts');

export type Engines = {
  readonly startOurs: (world: ReleasedWorld, requests: readonly PlainRequest[]) => Promise<EngineProcess>;
  /** Those that are there. */
  readonly startPeers: (world: ReleasedWorld, requests: readonly PlainRequest[]) => Promise<EngineProcess[]>;
  /** Why some are not there. */
  readonly missing: string | undefined;
  readonly stop: () => Promise<void>;
};

export async function openEngines(): Promise<Engines> {
  const goProgram = findTool('decide-peers');
  const buildFolder = join(repositoryFolder, '.build');
  await mkdir(buildFolder, { recursive: true });
  const folder = await mkdtemp(join(buildFolder, 'bench-'));
  const program = await bundleProgram(PROGRAM, folder);
  const started: EngineProcess[] = [];
  const start = async (name: string, command: readonly string[]): Promise<EngineProcess> => {
    const engine = await startEngine(name, command);
    started.push(engine);
    return engine;
  };
  const save = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  return {
    startOurs: async (world, requests) => {
      const size = world.policies.length;
      const release = await save(`release-${size}.json`, formatRelease(world.release));
      const requestsFile = await save(`requests-${size}.json`, JSON.stringify(requests));
      return start(OURS, [process.execPath, program, OURS, release, requestsFile]);
    },
    startPeers: async (world, requests) => {
      const size = world.policies.length;
      const requestsFile = await save(`requests-${size}.json`, JSON.stringify(requests));
      const policies = await save(`policies-${size}.json`, JSON.stringify(staticPolicies(world.policies)));
      const peers = [await start(CEDAR_WASM, [process.execPath, program, CEDAR_WASM, policies, requestsFile])];
      if (goProgram === undefined) return peers;
      const worldFile = await save(`go-${size}.json`, goWorld(world, requests));
      for (const name of GO_PEERS) peers.push(await start(name, [goProgram, name, worldFile]));
      return peers;
    },
    missing:
      goProgram === undefined
        ? `${GO_PEERS.join(' and ')} are not built, \`npm run tools\` says why: left out`
        : undefined,
    stop: async () => {
      for (const { stop } of started) stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** What `decide-peers` reads. */
function goWorld(world: ReleasedWorld, requests: readonly PlainRequest[]): string {
  const policies = world.policies.map(({ id, cedar }) => ({ id, cedar }));
  const plain = requests.map((request) => ({ issuer: ISSUER, method: methodOf(request), ...request }));
  return JSON.stringify({ policies, rego: regoOf(world), requests: plain });
}
