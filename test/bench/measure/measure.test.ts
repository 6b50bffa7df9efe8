import { describe, expect, test } from 'vitest';
import { parseWrk } from '../agent/load.ts';
import { alternate, collectRuns } from './alternate.ts';
import { parseCpuTicks, processCpuUs, warmUp } from './cpu_time.ts';

describe('alternating runs', () => {
  test('give nobody always the same place, and leave out the round that warms up', async () => {
    const order: string[] = [];
    const contender = (name: string) => ({ name, run: () => order.push(name) });
    const runs = await collectRuns([contender('a'), contender('b')], 2);
    expect(order.join('')).toBe('baabba');
    expect(runs).toEqual({ a: [3, 6], b: [4, 5] });
  });

  test('are summed up by contender', async () => {
    const { a } = await alternate([{ name: 'a', run: async () => 7 }], 3);
    expect(a).toEqual({ median: 7, min: 7, max: 7, runs: 3 });
  });
});

describe('warming up', () => {
  test('goes on until the CPU is spent, so that what only the first calls cost is not taken for what each costs', async () => {
    const counts: number[] = [];
    const cpuPerCallUs = (calls: number) => {
      counts.push(calls);
      return counts.length === 1 ? 5_000 : 1_000;
    };
    await warmUp(10, cpuPerCallUs);
    expect(counts).toEqual([1, 2, 4]);
  });
});

describe('CPU time of another process', () => {
  test('is not misread when the program named itself like fields of its own', () => {
    const stat = '42 (a) R 9 9 (b) S 1 42 42 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 11 0 100 0 0';
    expect(parseCpuTicks(stat)).toBe(175);
    expect(() => parseCpuTicks('42 (a) S 1')).toThrow('another form');
  });

  test.runIf(process.platform === 'linux')('is read for a process that runs', () => {
    expect(processCpuUs(process.pid)).toBeGreaterThan(0);
  });
});

describe('the report of wrk', () => {
  const report = (end = '') => `Running 8s test @ http://127.0.0.1:1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.21ms    3.01ms  40.53ms   91.52%
    Req/Sec    24.76k     2.22k   28.33k    70.00%
  Latency Distribution
     50%  553.00us
     75%    1.10ms
     90%    2.35ms
     99%    1.02s
  198088 requests in 8.00s, 30.41MB read
${end}Requests/sec:  24761.02
Transfer/sec:      3.80MB
`;

  test('is read with its units', () => {
    const expected = { requests: 198_088, refused: 0, requestsPerSecond: 24_761.02, p50Ms: 0.553, p99Ms: 1020 };
    expect(parseWrk(report())).toEqual(expected);
  });

  test('does not pass refusals off as answers, nor a broken run off as one', () => {
    expect(parseWrk(report('  Non-2xx or 3xx responses: 36836\n')).refused).toBe(36_836);
    expect(() => parseWrk(report('  Socket errors: connect 0, read 3, write 0, timeout 0\n'))).toThrow('wrk reports');
  });
});
