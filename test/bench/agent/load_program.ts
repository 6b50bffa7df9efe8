/** A program of its own: keeps `connections` requests under way for `seconds`, then prints what it saw. */
import http from 'node:http';
import type { LoadPlan, LoadReport } from './load.ts';

const plan = JSON.parse(process.env['POSTERN_BENCH_LOAD'] ?? '') as LoadPlan;
const agent = new http.Agent({ keepAlive: true, maxSockets: plan.connections });
const headers = plan.headers.flat();
const latenciesMs: number[] = [];
let refused = 0;
const startMs = performance.now();
const endMs = startMs + plan.seconds * 1000;

await Promise.all(Array.from({ length: plan.connections }, askUntilTheEnd));
const tookSeconds = (performance.now() - startMs) / 1000;
agent.destroy();
latenciesMs.sort((left, right) => left - right);
const quantile = (share: number) =>
  latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))]!;
const report: LoadReport = {
  requests: latenciesMs.length,
  refused,
  requestsPerSecond: latenciesMs.length / tookSeconds,
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
};
process.stdout.write(JSON.stringify(report));

async function askUntilTheEnd(): Promise<void> {
  while (performance.now() < endMs) {
    const askedMs = performance.now();
    await ask();
    latenciesMs.push(performance.now() - askedMs);
  }
}

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(plan.url, { agent, headers }, (response) => {
      response.resume();
      if (response.statusCode !== 200) refused += 1;
      response.once('end', resolve);
    });
    request.once('error', reject);
    request.end();
  });
}
