/** SVIDs over HTTP by an agent's proof: the server's CPU with entry match, replay guard and durable records. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentIdentity, type JoinTokenAnswer, PATHS, parseJoinToken, type SvidsAnswer } from '@postern/api';
import { createCsr, type RegistrationEntry } from '@postern/ca';
import { createRequestProof, REQUEST_PROOF_HEADER } from '@postern/identity';
import { createSoftwareSigner } from '@postern/keys';
import { alternate } from '../measure/alternate.ts';
import { processCpuUs } from '../measure/cpu_time.ts';
import type { Measurement } from '../measure/measurement.ts';
import { type BenchControlPlane, startControlPlane } from '../world/control_plane.ts';
import { createCsrs } from './requests.ts';

export type HttpFigures = { readonly single: Measurement; readonly batch: Measurement; readonly issuers: number };
export type HttpPlan = { readonly svidsPerRun: number; readonly rounds: number };

export const BATCH = 50;
const TRUST_DOMAIN = 'bench.test';

/** `single`, `batch`: server CPU in µs for each SVID. `issuers`: different ones among all SVIDs, a root signature each. */
export async function measureHttp({ svidsPerRun, rounds }: HttpPlan): Promise<HttpFigures> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  let plane: BenchControlPlane | undefined;
  try {
    plane = await startControlPlane(dir, TRUST_DOMAIN);
    const { pid } = plane.process;
    const agent = await joinAgent(plane);
    const csrs = createCsrs(svidsPerRun).map((csr) => Buffer.from(csr).toString('base64'));
    const issuers = new Set<string>();
    const serverCpuPerSvidUs = async (perCall: number) => {
      const calls = await Promise.all(chunksOf(csrs, perCall).map((chunk) => agent.prepare(chunk)));
      const startUs = processCpuUs(pid);
      for (const call of calls) for (const issuer of await call()) issuers.add(issuer);
      return (processCpuUs(pid) - startUs) / svidsPerRun;
    };
    const measured = await alternate(
      [
        { name: 'single', run: () => serverCpuPerSvidUs(1) },
        { name: 'batch', run: () => serverCpuPerSvidUs(BATCH) },
      ],
      rounds,
    );
    return { ...measured, issuers: issuers.size };
  } finally {
    await plane?.process.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

type PreparedCall = () => Promise<string[]>;

/** Joins as a node agent with one entry. `prepare` signs the call's proof, which is good for a minute, ahead of time. */
async function joinAgent(
  plane: BenchControlPlane,
): Promise<{ prepare: (csrs: readonly string[]) => Promise<PreparedCall> }> {
  const { url } = plane.trust;
  const { token, agentId } = await plane.post<JoinTokenAnswer>(PATHS.admin.joinTokens, { agentName: 'bench' });
  const entry = await plane.post<RegistrationEntry>(PATHS.admin.entries, {
    spiffeId: `spiffe://${TRUST_DOMAIN}/payments`,
    parentId: agentId,
    selectors: ['unix:uid:1000'],
  });
  const parsed = parseJoinToken(token);
  if (!parsed.ok) throw new Error(parsed.reason);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const join = { token: parsed.value.secret, csr: Buffer.from(createCsr(privateKey, {})).toString('base64') };
  const identity = await post<AgentIdentity>(url + PATHS.agentJoin, JSON.stringify(join));
  const signer = createSoftwareSigner(privateKey, 'ES256');
  const chain = identity.chain.map((der) => Buffer.from(der, 'base64'));
  return {
    async prepare(csrs) {
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
