import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startEnvoy } from './envoy.ts';
import { freePorts } from './ports.ts';
import { startProcess } from './process.ts';
import { describeWithTool, findTool, judgePresence } from './tools.ts';

const directResponse = (text: string) => ({
  static_resources: {
    listeners: [
      {
        name: 'front',
        address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
        filter_chains: [
          {
            filters: [
              {
                name: 'envoy.filters.network.http_connection_manager',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                  stat_prefix: 'front',
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'all',
                        domains: ['*'],
                        routes: [
                          { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: text } } },
                        ],
                      },
                    ],
                  },
                  http_filters: [
                    {
                      name: 'envoy.filters.http.router',
                      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                    },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
  },
});

/** A process that ended but was not yet reaped by its new parent counts as ended. */
function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

describe('a started process', () => {
  const nodeProgram = (program: string) => ({ name: 'program', command: process.execPath, args: ['-e', program] });

  it('is ready once it says so, and is gone after stop', async () => {
    const program = await startProcess({
      ...nodeProgram('console.log("port 17"); setInterval(() => {}, 1000)'),
      ready: { line: /port (\d+)/ },
    });
    expect(program.output.match(/port (\d+)/)?.[1]).toBe('17');
    expect((await program.stop()).signal).toBe('SIGTERM');
    expect(isRunning(program.pid)).toBe(false);
  });

  it('does not outlive a stop that it ignores', async () => {
    const program = await startProcess({
      ...nodeProgram('process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)'),
      ready: { line: /up/ },
    });
    expect((await program.stop(100)).signal).toBe('SIGKILL');
  });

  it('fails with what the program said when it ends before it is ready', async () => {
    const start = startProcess({
      ...nodeProgram('console.error("no such key"); process.exit(3)'),
      ready: { line: /up/ },
    });
    await expect(start).rejects.toThrow('no such key');
  });

  it('fails when the program does not exist', async () => {
    await expect(
      startProcess({ name: 'nothing', command: '/nonexistent/program', ready: { line: /up/ } }),
    ).rejects.toThrow('did not become ready');
  });

  it('does not outlive a parent that was killed', async () => {
    const parent = await startProcess({
      name: 'parent',
      command: process.execPath,
      args: [
        '--input-type=module',
        '-e',
        `import { startProcess } from ${JSON.stringify(import.meta.resolve('./process.ts'))};
         const child = await startProcess({ name: 'child', command: 'sleep', args: ['600'] });
         console.log('child ' + child.pid); setInterval(() => {}, 1000);`,
      ],
      ready: { line: /child \d+/ },
    });
    const child = parent.output.match(/child (\d+)/)![1];
    process.kill(parent.pid, 'SIGKILL');
    await parent.exited;
    await expect.poll(() => isRunning(Number(child)), { timeout: 5_000 }).toBe(false);
  });
});

describe('a suite whose peer is missing', () => {
  it('is skipped at home and fails in CI, where a peer that stays away would prove nothing', () => {
    const paths = { envoy: '/bin/envoy', curl: '' };
    expect(judgePresence(paths, false)).toEqual({ verdict: 'skip', missing: 'curl' });
    expect(judgePresence(paths, true)).toEqual({ verdict: 'fail', missing: 'curl' });
    expect(judgePresence({ envoy: '/bin/envoy' }, true).verdict).toBe('run');
  });

  it('finds no tool that was never installed', () => {
    expect(findTool('no-such-tool' as 'envoy')).toBeUndefined();
  });
});

describe('free ports', () => {
  it('never names one port twice in one answer', async () => {
    expect(new Set(await freePorts(8)).size).toBe(8);
  });
});

describeWithTool('a started Envoy', ['envoy', 'curl'], ({ curl }) => {
  it('serves its configuration, tells its ports, and leaves no process behind', async () => {
    const sharedMemory = () => readdirSync('/dev/shm').filter((name) => name.startsWith('envoy')).length;
    const before = sharedMemory();
    const envoy = await startEnvoy({ name: 'kit', config: directResponse('hello from Envoy') });
    try {
      await envoy.waitReady();
      const { front } = await envoy.ports();
      const body = execFileSync(curl, ['--silent', `http://127.0.0.1:${front}/`], { encoding: 'utf8' });
      expect(body).toBe('hello from Envoy');
      expect((await envoy.admin('/server_info')).body).toContain('"cluster": "kit"');
    } finally {
      await envoy.stop();
    }
    expect(isRunning(envoy.pid)).toBe(false);
    expect(sharedMemory()).toBe(before);
  });

  it('says what Envoy dislikes in a configuration', async () => {
    await expect(startEnvoy({ name: 'kit', config: { static_resources: { listenerz: [] } } })).rejects.toThrow(
      'listenerz',
    );
  });
});
