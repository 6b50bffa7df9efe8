/** The process itself, under the names that Prometheus' client libraries use. */
import { readdir } from 'node:fs/promises';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { readDescriptorLimit } from '../peer/connection_bounds.ts';
import type { Sample } from './exposition.ts';

const MAX_DESCRIPTORS = readDescriptorLimit();

/** `version`: of Postern. Cost: one listing of /proc/self/fd, away from the thread that answers. */
export async function readProcessSamples(version: string): Promise<readonly Sample[]> {
  const cpu = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const loop: EventLoopUtilization = performance.eventLoopUtilization();
  const descriptors = await readdir('/proc/self/fd');
  return [
    { metric: 'process_cpu_seconds_total', value: (cpu.user + cpu.system) / 1e6 },
    { metric: 'process_resident_memory_bytes', value: rss },
    { metric: 'process_open_fds', value: descriptors.length },
    { metric: 'process_max_fds', value: MAX_DESCRIPTORS },
    { metric: 'process_start_time_seconds', value: performance.timeOrigin / 1000 },
    { metric: 'postern_heap_used_bytes', value: heapUsed },
    { metric: 'postern_event_loop_busy_seconds_total', value: loop.active / 1000 },
    { metric: 'postern_build_info', labels: { version, node: process.versions.node }, value: 1 },
  ];
}
