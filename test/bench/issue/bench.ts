/** `npm run bench -- issue`: what an X.509-SVID costs, beside the cryptography that nobody can leave out. */
import type { BenchOptions } from '../benches.ts';
import { type BenchOutcome, type Figure, shareOfBest } from '../report/figure.ts';
import { BATCH, measureHttp } from './http.ts';
import { measureLibrary } from './library.ts';

const FULL = {
  library: { csrs: 500, callsPerRun: 2_000, rounds: 7 },
  http: { svidsPerRun: 400, rounds: 3 },
};
const QUICK = {
  library: { csrs: 100, callsPerRun: 300, rounds: 3 },
  http: { svidsPerRun: 50, rounds: 2 },
};

const FLOOR = 'node:crypto import + verify + sign';

export async function benchIssue({ isQuick, say }: BenchOptions): Promise<BenchOutcome> {
  const plan = isQuick ? QUICK : FULL;
  say(`library calls, ${plan.library.rounds} rounds of ${plan.library.callsPerRun}`);
  const library = await measureLibrary(plan.library);
  say(`calls over HTTP to a control plane of its own, ${plan.http.rounds} rounds of ${plan.http.svidsPerRun}`);
  const http = await measureHttp(plan.http);
  const floor = { [FLOOR]: library.floor };
  const figures: Figure[] = [
    {
      name: 'CPU per SVID, ephemeral issuer, CSR checked, library call',
      unit: 'us',
      ours: library.ours,
      peers: floor,
      goal: shareOfBest('≤ 1.5 × the floor', 1.5, floor),
    },
    {
      name: 'CPU of the server per SVID over HTTP, one a call',
      unit: 'us',
      ours: http.single,
      peers: {},
      goal: undefined,
    },
    {
      name: `CPU of the server per SVID over HTTP, ${BATCH} a call`,
      unit: 'us',
      ours: http.batch,
      peers: {},
      goal: undefined,
    },
    {
      name: 'root signatures per 1,000 SVIDs, ephemeral issuer',
      unit: 'signatures',
      ours: library.rootSignaturesPer1000,
      peers: {},
      goal: { text: '1', limit: 1 },
    },
  ];
  const notes = [
    'P-256 for issuer and leaves; each request has a key of its own. The floor is one import of a public key, one verification and one signature in `node:crypto`, with nothing around them. The library call keeps no records.',
    `Over HTTP: a control plane in a process of its own on the embedded store; each call carries an agent's proof, its id is spent, the entry is looked up, and the records before and after signing are signed and durable (\`synchronous=FULL\`) before the answer. One call after the other. All SVIDs of the run came from ${http.issuers} issuer${http.issuers === 1 ? '' : 's'}.`,
  ];
  return { figures, versions: [`OpenSSL ${process.versions.openssl}`], notes };
}
