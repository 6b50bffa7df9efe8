/**
 * A program of its own, bundled as what is deployed: decides about REQUESTS as `ours RELEASE REQUESTS` or `cedar-wasm
 * POLICIES REQUESTS`, as often as standard input asks, see `engine_process.ts`.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { cpuPerCallUs } from '../measure/cpu_time.ts';
import { COMPARED, type PlainRequest } from './requests.ts';

type Engine = { readonly version: string; readonly decide: (request: PlainRequest) => string };

const [name, file, requestsFile] = process.argv.slice(2);
const requests = JSON.parse(readFileSync(requestsFile!, 'utf8')) as readonly PlainRequest[];
const { version, decide } = await open();
process.stdout.write(`${JSON.stringify({ version, outcomes: requests.slice(0, COMPARED).map(decide) })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  // Seven shares no factor with the number of requests: few calls meet requests of every kind all the same.
  const took = cpuPerCallUs(Number(line), (index) => void decide(requests[(index * 7) % requests.length]!));
  process.stdout.write(`${took}\n`);
}

async function open(): Promise<Engine> {
  if (name === 'ours') {
    const { decidePlain, load, parse } = await import('./engine.ts');
    const loaded = load(parse(readFileSync(file!)));
    return { version: '', decide: (request) => decidePlain(loaded, request).outcome };
  }
  const { cedarWasmVersion, decideWithCedarWasm, prepare } = await import('./cedar_wasm.ts');
  prepare('bench', JSON.parse(readFileSync(file!, 'utf8')));
  return { version: cedarWasmVersion(), decide: (request) => decideWithCedarWasm('bench', request) };
}
