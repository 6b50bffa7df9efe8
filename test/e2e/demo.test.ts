import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePortRange } from '../kit/ports.ts';
import { type RunningProcess, startProcess } from '../kit/process.ts';
import { describeWithTool } from '../kit/tools.ts';

const MAIN = join(import.meta.dirname, '../../examples/demo/main.ts');
const RUN_TIMEOUT_MS = 120_000;

let dir: string;
let portBase: number;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'postern-demo-'));
  portBase = await freePortRange(3);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function startDemo(folder: string, args: readonly string[], ready?: RegExp): Promise<RunningProcess> {
  return startProcess({
    name: 'the demo',
    command: process.execPath,
    args: [MAIN, '--dir', join(dir, folder), '--port-base', String(portBase), ...args],
    ...(ready === undefined ? {} : { ready: { line: ready } }),
    readyTimeoutMs: RUN_TIMEOUT_MS,
  });
}

async function runDemo(folder: string, args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const demo = await startDemo(folder, ['--once', ...args]);
  const { code } = await demo.exited;
  return { code, text: demo.output.text() };
}

describeWithTool('the main job behind real Envoys', ['envoy'], () => {
  test(
    'has every declared outcome, and finds its state again at a second start',
    async () => {
      const first = await runDemo('mesh', []);
      expect(first.text).toContain('outcomes are as declared.');
      expect(first.code).toBe(0);
      for (const reason of ['permitted', 'no-permit', 'user-missing', 'step-up-required', 'path-dot-segment'])
        expect(first.text).toMatch(new RegExp(`reason +${reason}`));
      const identity = await readFile(join(dir, 'mesh/agent/identity.json'), 'utf8');

      const second = await runDemo('mesh', []);
      expect(second.text).toContain('release 1 as the start before left it');
      expect(second.code).toBe(0);
      // The agent did not join anew.
      expect(await readFile(join(dir, 'mesh/agent/identity.json'), 'utf8')).toBe(identity);
    },
    2 * RUN_TIMEOUT_MS,
  );
});

describe('the main job without Envoy', () => {
  test(
    'replays recorded requests to the same agent, says so, and has the same outcomes',
    async () => {
      const { code, text } = await runDemo('recorded', ['--without-envoy']);
      expect(text).toContain('`npm run tools` gets it');
      expect(text).toContain('outcomes are as declared.');
      expect(code).toBe(0);
    },
    RUN_TIMEOUT_MS,
  );

  test('a port in use is said in one line with what to do, and nothing is left running', async () => {
    const server = createServer().listen(portBase + 1, '127.0.0.1');
    try {
      const { code, text } = await runDemo('in-use', ['--without-envoy']);
      expect(text).toContain(`error: \`127.0.0.1:${portBase + 1}\` is in use`);
      expect(text).toMatch(/try: .*--port-base/);
      expect(code).toBe(1);
    } finally {
      server.close();
    }
  });

  test('a mistake in the command line starts nothing', async () => {
    const { code, text } = await runDemo('mistake', ['--bogus']);
    expect(text).toContain('try: npm start -- --help');
    expect(code).toBe(2);
  });

  test(
    'stays up until it is told to end, and then leaves nothing behind',
    async () => {
      const demo = await startDemo('recorded', ['--without-envoy'], /Ctrl-C ends it/);
      const health = () => fetch(`http://127.0.0.1:${portBase}/v1/health`);
      expect((await health()).status).toBe(200);
      const { code } = await demo.stop(20_000);
      expect(code).toBe(0);
      await expect(health()).rejects.toThrow();
    },
    RUN_TIMEOUT_MS,
  );
});
