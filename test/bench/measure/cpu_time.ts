/** CPU time instead of time on the clock: what a decision costs, whoever else uses the machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** CPU time of this process so far, all threads, user and system, in µs: garbage collection and compilation included. */
export function ownCpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

let ticksPerSecond: number | undefined;

/** CPU time of another process so far (proc_pid_stat(5), utime and stime), in µs, to the clock tick: 10 ms as a rule. */
export function processCpuUs(pid: number): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return (parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')) / ticksPerSecond) * 1e6;
}

/** `stat`: a line of /proc/PID/stat. The program's name, in parentheses, may hold spaces and parentheses itself. */
export function parseCpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isFinite(ticks)) throw new Error('/proc/PID/stat has another form than expected');
  return ticks;
}

/** CPU µs a call. `call` gets a number that counts up, to take another input each time. Synchronous only. */
export function cpuPerCallUs(calls: number, call: (index: number) => void): number {
  const startUs = ownCpuUs();
  for (let index = 0; index < calls; index++) call(index);
  return (ownCpuUs() - startUs) / calls;
}

/** The same for calls that answer later; one after the other. */
export async function cpuPerAsyncCallUs(calls: number, call: (index: number) => Promise<void>): Promise<number> {
  const startUs = ownCpuUs();
  for (let index = 0; index < calls; index++) await call(index);
  return (ownCpuUs() - startUs) / calls;
}

/** So many calls that one run takes about `targetMs` of CPU, at least `minimum`; warms the code up on the way. */
export function callsFor(targetMs: number, call: (index: number) => void, minimum = 1): number {
  for (let calls = minimum; ; calls *= 4) {
    const tookMs = (cpuPerCallUs(calls, call) * calls) / 1000;
    if (tookMs >= targetMs / 4) return Math.max(minimum, Math.round((calls * targetMs) / tookMs));
  }
}

/**
 * Calls without counting until `targetMs` of CPU went into it: what a first call makes (indexes, machine code) is no part
 * of what the later ones cost.
 */
export async function warmUp(
  targetMs: number,
  cpuPerCallUs: (calls: number) => number | Promise<number>,
): Promise<void> {
  for (let calls = 1, tookMs = 0; tookMs < targetMs; calls *= 2) tookMs += ((await cpuPerCallUs(calls)) * calls) / 1000;
}

/** The same as `callsFor` for whoever counts CPU itself and answers later. */
export async function callsForAsync(
  targetMs: number,
  cpuPerCallUs: (calls: number) => number | Promise<number>,
): Promise<number> {
  for (let calls = 1; ; calls *= 4) {
    const tookMs = ((await cpuPerCallUs(calls)) * calls) / 1000;
    if (tookMs >= targetMs / 4) return Math.max(1, Math.round((calls * targetMs) / tookMs));
  }
}
