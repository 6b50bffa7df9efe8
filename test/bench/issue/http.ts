/** SVIDs over HTTP by an agent's proof: the server's CPU with entry match, replay guard and durable records. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentIdentity, type JoinTokenAnswer, PATHS, parseJoinToken, type SvidsAnswer } from '@postern/api';
import { createCsr, type RegistrationEntry } from '@postern/ca';
import { createRequestProof, REQUEST_PROOF_HEADER } from '@postern/identity';
import { createSoftwareSigner } from '@postern/keys';
import type { RunningProcess } from '../../kit/process.ts';
import { findTool } from '../../tools/find_tool.ts';
import { alternate } from '../measure/alternate.ts';
import { processCpuUs } from '../measure/cpu_time.ts';
import type { Measurement } from '../measure/measurement.ts';
import { type BenchControlPlane, startControlPlane } from '../world/control_plane.ts';
import { createCsrs } from './requests.ts';
import { type StepCa, type StepCaDatabase, startStepCa } from './step_ca.ts';

export type HttpFigures = {
  /** Server CPU in µs for each SVID. */
  readonly single: Measurement;
  readonly together: Measurement;
  readonly batch: Measurement;
  /** From spawning the process to the first SVID, ms on the clock. */
  readonly firstMs: Measurement;
  /** Different ones among all SVIDs, a root signature each. */
  readonly issuers: number;
  /** Where step-ca is there. */
  readonly stepCa: readonly StepCaFigures[];
};
export type StepCaFigures = {
  readonly database: StepCaDatabase;
  readonly single: Measurement;
  readonly together: Measurement;
  readonly firstMs: Measurement;
};
export type HttpPlan = { readonly svidsPerRun: number; readonly rounds: number };

export const BATCH = 50;
/** Calls that are under way at one time, of a few busy nodes. */
export const TOGETHER = 16;
/** An authority serves for weeks: what is measured is not its first calls. */
const WARM_UP_RUNS = 3;
const TRUST_DOMAIN = 'bench.test';
const SPIFFE_ID = `spiffe://${TRUST_DOMAIN}/payments`;
const DATABASES: readonly StepCaDatabase[] = ['none', 'badger'];

/** Ours and step-ca in turns. */
export async function measureHttp({ svidsPerRun, rounds }: HttpPlan): Promise<HttpFigures> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  const planeFolder = join(dir, 'postern');
  const running: RunningProcess[] = [];
  const program = findTool('step-ca');
  const named = createCsrs(svidsPerRun + 1, SPIFFE_ID);
  const startPeer = async (database: StepCaDatabase): Promise<StepCa> => {
    const peer = await startStepCa(program!, join(dir, randomUUID()), database, SPIFFE_ID, named[0]!);
    running.push(peer.process);
    return peer;
  };
  try {
    const plane = await startControlPlane(planeFolder, TRUST_DOMAIN);
    running.push(plane.process);
    const agent = await joinAgent(plane);
    const csrs = createCsrs(svidsPerRun).map((csr) => Buffer.from(csr).toString('base64'));
    const issuers = new Set<string>();
    const ours = (perCall: number, together: number) =>
      oursCpuPerSvidUs(plane, agent, chunksOf(csrs, perCall), { together, issuers });
    const peers = program === undefined ? [] : await Promise.all(DATABASES.map(startPeer));
    for (let run = 0; run < WARM_UP_RUNS; run++) {
      await ours(1, TOGETHER);
      for (const peer of peers) await stepCaCpuPerSvidUs(peer, named.slice(1), TOGETHER);
    }
    const measured = await alternate<string>(
      [
        { name: 'single', run: () => ours(1, 1) },
        { name: 'together', run: () => ours(1, TOGETHER) },
        { name: 'batch', run: () => ours(BATCH, 1) },
        ...peers.flatMap((peer) => [
          { name: `${peer.database} single`, run: () => stepCaCpuPerSvidUs(peer, named.slice(1), 1) },
          { name: `${peer.database} together`, run: () => stepCaCpuPerSvidUs(peer, named.slice(1), TOGETHER) },
        ]),
      ],
      rounds,
    );
    await stopAll(running);
    const first = await alternate<string>(
      [
        { name: 'ours', run: () => firstSvidMs(planeFolder, agent, csrs[0]!) },
        ...peers.map(({ database }) => ({
          name: database,
          run: async () => {
            const { firstMs, process } = await startPeer(database);
            await process.stop();
            return firstMs;
          },
        })),
      ],
      rounds,
    );
    return {
      single: measured['single']!,
      together: measured['together']!,
      batch: measured['batch']!,
      firstMs: first['ours']!,
      issuers: issuers.size,
      stepCa: peers.map(({ database }) => ({
        database,
        single: measured[`${database} single`]!,
        together: measured[`${database} together`]!,
        firstMs: first[database]!,
      })),
    };
  } finally {
    await stopAll(running);
    await rm(dir, { recursive: true, force: true });
  }
}

async function stopAll(running: RunningProcess[]): Promise<void> {
  for (const process of running.splice(0)) await process.stop();
}

async function oursCpuPerSvidUs(
  { process, trust }: BenchControlPlane,
  agent: BenchAgent,
  chunks: readonly (readonly string[])[],
  { together, issuers }: { readonly together: number; readonly issuers: Set<string> },
): Promise<number> {
  const calls = await Promise.all(chunks.map((chunk) => agent.prepare(trust.url, chunk)));
  const startUs = processCpuUs(process.pid);
  await callAll(calls, together, (found) => {
    for (const issuer of found) issuers.add(issuer);
  });
  return (processCpuUs(process.pid) - startUs) / chunks.flat().length;
}

/** In their order, so many at a time. */
async function callAll<T>(
  calls: readonly (() => Promise<T>)[],
  together: number,
  onAnswer: (answer: T) => void,
): Promise<void> {
  const left = calls.values();
  await Promise.all(
    Array.from({ length: together }, async () => {
      for (const call of left) onAnswer(await call());
    }),
  );
}

/** A control plane that was there before, with its state on disk; from spawning it on. */
async function firstSvidMs(folder: string, agent: BenchAgent, csr: string): Promise<number> {
  const startedMs = performance.now();
  const plane = await startControlPlane(folder, TRUST_DOMAIN);
  try {
    await (await agent.prepare(plane.trust.url, [csr]))();
    return performance.now() - startedMs;
  } finally {
    await plane.process.stop();
  }
}

async function stepCaCpuPerSvidUs(
  { process, prepare }: StepCa,
  csrs: readonly Uint8Array[],
  together: number,
): Promise<number> {
  const calls = await Promise.all(csrs.map(prepare));
  const startUs = processCpuUs(process.pid);
  await callAll(calls, together, () => undefined);
  return (processCpuUs(process.pid) - startUs) / csrs.length;
}

type PreparedCall = () => Promise<string[]>;
type BenchAgent = { readonly prepare: (url: string, csrs: readonly string[]) => Promise<PreparedCall> };

/** Joins as a node agent with one entry. `prepare` signs the call's proof, which is good for a minute, ahead of time. */
async function joinAgent(plane: BenchControlPlane): Promise<BenchAgent> {
  const { token, agentId } = await plane.post<JoinTokenAnswer>(PATHS.admin.joinTokens, { agentName: 'bench' });
  const entry = await plane.post<RegistrationEntry>(PATHS.admin.entries, {
    spiffeId: SPIFFE_ID,
    parentId: agentId,
    selectors: ['unix:uid:1000'],
  });
  const parsed = parseJoinToken(token);
  if (!parsed.ok) throw new Error(parsed.reason);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const join = { token: parsed.value.secret, csr: Buffer.from(createCsr(privateKey, {})).toString('base64') };
  const identity = await post<AgentIdentity>(plane.trust.url + PATHS.agentJoin, JSON.stringify(join));
  const signer = createSoftwareSigner(privateKey, 'ES256');
  const chain = identity.chain.map((der) => Buffer.from(der, 'base64'));
  return {
    async prepare(url, csrs) {
      const body = JSON.stringify({ requests: csrs.map((csr) => ({ entryId: entry.id, csr })) });
      const call = {
        method: 'POST',
        target: PATHS.svids,
        body: Buffer.from(body),
        trustDomain: TRUST_DOMAIN,
        audience: url,
      };
      const proof = await createRequestProof({ ...call, signer, chain, nowMs: Date.now() });
      return async () => {
        const { svids, refused } = await post<SvidsAnswer>(url + PATHS.svids, body, { [REQUEST_PROOF_HEADER]: proof });
        if (svids.length !== csrs.length) throw new Error(`refused: ${refused[0]?.reason}`);
        return svids.map((svid) => svid.chain[1]!);
      };
    },
  };
}

async function post<T>(url: string, body: string, headers: Record<string, string> = {}): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  if (!response.ok) throw new Error(`${new URL(url).pathname} answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

function chunksOf<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}
