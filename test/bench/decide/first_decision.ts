/**
 * A program of its own: loads what FILE holds, decides once, prints the CPU that took, in µs, from after Node's own start:
 * `ours`, `cedar-wasm`, or `memory` (MiB after ours has decided every request in FILE, and all garbage is gone).
 */
import { readFileSync } from 'node:fs';
import type { Release } from '@postern/policy-engine';
import type { FirstDecisionFile } from './first_decision_file.ts';

const startedUs = cpuUs();
const [mode, file] = process.argv.slice(2);
const input = JSON.parse(readFileSync(file!, 'utf8')) as FirstDecisionFile;

if (mode === 'cedar-wasm') {
  const { decideWithCedarWasm, prepare } = await import('./cedar_wasm.ts');
  prepare('first', input.policies);
  if (decideWithCedarWasm('first', input.requests[0]!) !== 'allow')
    throw new Error('the first request is one to allow');
  process.stdout.write(`${cpuUs() - startedUs}\n`);
} else {
  const { decidePlain, load, parse } = await import('./engine.ts');
  const bytes = readFileSync(input.releaseFile);
  // 10,000 policies of this kind are more than a release may hold.
  const loaded = load(mode === 'memory' ? (JSON.parse(bytes.toString('utf8')) as Release) : parse(bytes));
  if (decidePlain(loaded, input.requests[0]!).outcome !== 'allow') throw new Error('the first request is one to allow');
  if (mode === 'ours') process.stdout.write(`${cpuUs() - startedUs}\n`);
  else {
    for (const request of input.requests) decidePlain(loaded, request);
    input.policies = [];
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    process.stdout.write(`${(heapUsed + external) / 1024 / 1024}\n`);
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
