/** What is in deploy/: every option exists, and nothing of the hardening is lost unnoticed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCli, createProgram } from '@postern/cli';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findOnPath } from '../tools/places.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const read = (name: string) => readFileSync(join(DEPLOY, name), 'utf8');

/** Throws for options and values that the command line does not take; runs nothing. */
async function parseAsAgent(words: readonly string[]): Promise<{ readonly [name: string]: unknown }> {
  const io = {
    ...{ out: () => {}, err: () => {}, hasOutColours: false, hasErrColours: false, environment: {}, folder: '/' },
    ...{
      nowMs: () => 0,
      interrupted: () => new AbortController().signal,
      hasTerminal: false,
      onSignals: () => () => {},
    },
  };
  const program = createProgram(createCli(io, false));
  const agent = program.commands.find((command) => command.name() === 'agent');
  if (agent === undefined) throw new Error('no command `agent`');
  agent.action(() => {});
  await program.parseAsync(['agent', ...words], { from: 'user' });
  return agent.opts();
}

const PLACES = {
  dir: '/var/lib/postern',
  joinTokenFile: '/etc/postern/join-token',
  workloadApiSocket: '/run/postern/workload-api.sock',
  extAuthzSocket: '/run/postern/ext-authz.sock',
  extAuthzHttpSocket: '/run/postern/ext-authz-http.sock',
};

describe('the systemd unit', () => {
  const lines = read('systemd/postern-agent.service').replaceAll('\\\n', ' ').split('\n');
  const values = (key: string) =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));

  test('starts the agent with options that there are', async () => {
    const [program, command, ...words] = values('ExecStart')[0]?.split(/\s+/) ?? [];
    expect([program, command]).toEqual(['/usr/local/bin/postern', 'agent']);
    expect(await parseAsAgent(words)).toMatchObject(PLACES);
    await expect(parseAsAgent([...words, '--no-such-option'])).rejects.toThrow(/unknown option/);
  });

  test.each([
    ['NoNewPrivileges', 'yes'],
    ['ProtectSystem', 'strict'],
    ['PrivateTmp', 'yes'],
    ['PrivateDevices', 'yes'],
    ['StateDirectory', 'postern'],
    ['StateDirectoryMode', '0700'],
    ['RuntimeDirectory', 'postern'],
    ['RuntimeDirectoryMode', '0755'],
    ['CapabilityBoundingSet', 'CAP_SYS_PTRACE CAP_DAC_READ_SEARCH'],
    ['SystemCallFilter', '@system-service'],
    ['ProtectProc', 'default'],
  ])('says %s=%s, once', (key, value) => expect(values(key)).toEqual([value]));

  const analyze = findOnPath('systemd-analyze');
  test.skipIf(analyze === undefined)('is one that systemd takes without a word', () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-unit-'));
    try {
      const path = join(folder, 'postern-agent.service');
      // The program need not be installed here.
      writeFileSync(path, read('systemd/postern-agent.service').replace('/usr/local/bin/postern', process.execPath));
      const said = execFileSync(analyze as string, ['verify', path], { stdio: 'pipe', encoding: 'utf8' });
      expect(said).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the DaemonSet', () => {
  const documents = parseAllDocuments(read('kubernetes/daemonset.yaml')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as { kind: string; spec?: { selector: unknown; template: Template } };
  });
  interface Template {
    metadata: { labels: object };
    spec: {
      hostPID: boolean;
      hostNetwork?: boolean;
      automountServiceAccountToken: boolean;
      tolerations: object[];
      volumes: { name: string }[];
      containers: {
        command: string[];
        args: string[];
        securityContext: object;
        resources: object;
        volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
        readinessProbe: { exec: { command: string[] } };
        livenessProbe: { exec: { command: string[] } };
      }[];
    };
  }
  const set = documents.find(({ kind }) => kind === 'DaemonSet')?.spec;
  const pod = set?.template.spec;
  const [agent] = pod?.containers ?? [];

  test('starts the agent with options that there are, each place of them mounted', async () => {
    expect(agent?.command).toEqual(['postern', 'agent']);
    const options = await parseAsAgent(agent?.args ?? []);
    expect(options).toMatchObject({ ...PLACES, istioSocket: '/run/postern/istio/socket' });
    const mounted = agent?.volumeMounts.map(({ mountPath }) => mountPath) ?? [];
    for (const path of Object.values(options).filter((value) => String(value).startsWith('/')))
      expect(
        mounted.some((mount) => `${path}/`.startsWith(`${mount}/`)),
        String(path),
      ).toBe(true);
    const volumes = pod?.volumes.map(({ name }) => name);
    expect(agent?.volumeMounts.map(({ name }) => name)).toEqual(volumes);
    expect(set?.selector).toEqual({ matchLabels: set?.template.metadata.labels });
  });

  test('has no power but what attestation needs', () => {
    expect(pod).toMatchObject({
      hostPID: true,
      automountServiceAccountToken: false,
      tolerations: [{ operator: 'Exists' }],
    });
    expect(pod?.hostNetwork).toBe(undefined);
    expect(agent?.securityContext).toEqual({
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['SYS_PTRACE', 'DAC_READ_SEARCH'] },
    });
    expect(agent?.resources).toMatchObject({ requests: { memory: '128Mi' }, limits: { memory: '512Mi' } });
    expect(agent?.volumeMounts.find(({ name }) => name === 'join-token')?.readOnly).toBe(true);
  });

  test('probes the socket that the agent serves', () => {
    for (const probe of [agent?.readinessProbe, agent?.livenessProbe])
      expect(probe?.exec.command.join(' ')).toContain(PLACES.workloadApiSocket);
  });
});
