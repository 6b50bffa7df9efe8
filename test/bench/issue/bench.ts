/** `npm run bench -- issue`: what an X.509-SVID costs, beside the cryptography that nobody can leave out. */
import type { BenchOptions } from '../benches.ts';
import { type BenchOutcome, type Figure, shareOfBest } from '../report/figure.ts';
import { BATCH, type HttpFigures, measureHttp, TOGETHER } from './http.ts';
import { measureLibrary } from './library.ts';
import { STEP_CA } from './step_ca.ts';

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
      peers: peersOf(http, 'single'),
      goal: shareOfBest('below step-ca without a database', 1, withoutDatabase(http, 'single')),
    },
    {
      name: `CPU of the server per SVID over HTTP, one a call, ${TOGETHER} calls at a time`,
      unit: 'us',
      ours: http.together,
      peers: peersOf(http, 'together'),
      goal: shareOfBest('below step-ca without a database', 1, withoutDatabase(http, 'together')),
    },
    {
      name: `CPU of the server per SVID over HTTP, ${BATCH} a call`,
      unit: 'us',
      ours: http.batch,
      peers: {},
      goal: undefined,
    },
    {
      name: 'first SVID after the start of a fresh process',
      unit: 'ms',
      ours: http.firstMs,
      peers: peersOf(http, 'firstMs'),
      goal: shareOfBest('below step-ca', 1, withoutDatabase(http, 'firstMs')),
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
    `Over HTTP: a control plane in a process of its own on the embedded store; each call carries an agent's proof, its id is spent, the entry is looked up, and the records before and after signing are signed and durable (\`synchronous=FULL\`) before the answer. One call after the other, or ${TOGETHER} at a time, which then share commits and segments. Each server has served three runs before it is measured. All SVIDs of the run came from ${http.issuers} issuer${http.issuers === 1 ? '' : 's'}.`,
    'step-ca 0.30.2 with a JWK provisioner, P-256 throughout, the same requests; each call carries a one-time token that was signed before. It is asked over TLS connections that stay open, ours over plain HTTP behind a front door. Its certificates are for 24 h.',
    'First SVID: on the clock, from spawning the process to the answer; ours opens a store that was there before, and finds its compiled code in the cache as every start of `postern` but the first; step-ca opens an empty store.',
  ];
  if (http.stepCa.length === 0) notes.push('step-ca is not built, `npm run tools` says why: left out.');
  return { figures, versions: [`OpenSSL ${process.versions.openssl}`], notes };
}

type CompareFigure = 'single' | 'together' | 'firstMs';

function peersOf({ stepCa }: Pick<HttpFigures, 'stepCa'>, figure: CompareFigure): Figure['peers'] {
  return Object.fromEntries(stepCa.map((row) => [NAMES[row.database], row[figure]]));
}

function withoutDatabase({ stepCa }: Pick<HttpFigures, 'stepCa'>, figure: CompareFigure): Figure['peers'] {
  return peersOf({ stepCa: stepCa.filter(({ database }) => database === 'none') }, figure);
}

const NAMES = { none: `${STEP_CA}, no database`, badger: `${STEP_CA}, badger` };
