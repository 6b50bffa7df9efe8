/**
 * A program of its own, bundled as what is deployed: loads FILE, decides once, prints the CPU that took, in µs, from after
 * Node's own start: `ours RELEASE REQUESTS`, `cedar-wasm POLICIES REQUESTS`, or `memory RELEASE REQUESTS` (MiB after ours
 * has decided every request, and all garbage is gone).
 */
import { readFileSync } from 'node:fs';
import { beginWithoutOptimizing } from '@postern/feed/plain-start';
import type { PlainRequest } from './requests.ts';

const startedUs = cpuUs();
const [mode, file, requestsFile] = process.argv.slice(2);
let requests = JSON.parse(readFileSync(requestsFile!, 'utf8')) as readonly PlainRequest[];

if (mode === 'cedar-wasm') {
  const { decideWithCedarWasm, prepare } = await import('./cedar_wasm.ts');
  prepare('first', JSON.parse(readFileSync(file!, 'utf8')));
  report(decideWithCedarWasm('first', requests[0]!));
} else {
  const { decidePlain, load, parse } = await import('./engine.ts');
  // As every decision point does with its first release.
  beginWithoutOptimizing();
  const loaded = load(parse(readFileSync(file!)));
  const { outcome } = decidePlain(loaded, requests[0]!);
  if (mode === 'ours') report(outcome);
  else {
    for (const request of requests) decidePlain(loaded, request);
    requests = [];
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    // What is read after the measurement is still there when it is made.
    process.stdout.write(`${(heapUsed + external) / 1024 / 1024} MiB for ${loaded.policies.ids.length} policies\n`);
  }
}

function report(outcome: string): void {
  const tookUs = cpuUs() - startedUs;
  if (outcome !== 'allow') throw new Error('the first request is one to allow');
  process.stdout.write(`${tookUs}\n`);
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
