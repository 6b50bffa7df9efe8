import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '../kit/process.ts';
import type { ToolReport } from './install_tools.ts';
import { fingerprintOf } from './state.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-tools-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the installer with nothing on PATH, into an empty folder: no Python, no Go, no network needed. */
function installWithNothing(args: string[], environment: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'install.ts'), ...args], {
    env: { PATH: folder, POSTERN_TOOLS: join(folder, 'tools'), ...environment },
    encoding: 'utf8',
  });
}

describe('the installer on a bare machine', () => {
  it('says of each tool why it is missing, and does not fail a developer for it', () => {
    const { status, stdout } = installWithNothing(['--json']);
    expect(status).toBe(0);
    const reasons = (JSON.parse(stdout) as ToolReport[]).map(({ name, state, reason }) => [name, state, reason]);
    expect(reasons).toEqual([
      ['envoy', 'missing', expect.stringMatching(/^python-missing: /)],
      ['python-spiffe', 'missing', expect.stringMatching(/^python-missing: /)],
      ['telemetry-peers', 'missing', expect.stringMatching(/^python-missing: /)],
      ['ministack', 'missing', expect.stringMatching(/^python-missing: /)],
      ['cfn-lint', 'missing', expect.stringMatching(/^python-missing: /)],
      ['pkilint', 'missing', expect.stringMatching(/^python-missing: /)],
      ['dynamodb-local', 'missing', expect.stringMatching(/^maven-missing: /)],
      ['spiffe-peer', 'missing', expect.stringMatching(/^go-missing: /)],
      ['rust-spiffe-peer', 'missing', expect.stringMatching(/^cargo-missing: /)],
      ['java-spiffe-peer', 'missing', expect.stringMatching(/^maven-missing: /)],
      ['crl-peer', 'missing', expect.stringMatching(/^go-missing: /)],
      ['decide-peers', 'missing', expect.stringMatching(/^go-missing: /)],
      ['step-ca', 'missing', expect.stringMatching(/^go-missing: /)],
      ['zlint', 'missing', expect.stringMatching(/^go-missing: /)],
      ['lego', 'missing', expect.stringMatching(/^go-missing: /)],
      ['certbot', 'missing', expect.stringMatching(/^python-missing: /)],
      ['dehydrated', 'missing', expect.stringMatching(/^debian-missing: /)],
      ['lambda-events', 'missing', expect.stringMatching(/^go-missing: /)],
      ['openssl', 'missing', expect.stringMatching(/^not-on-path: /)],
      ['curl', 'missing', expect.stringMatching(/^not-on-path: /)],
      ['java', 'missing', expect.stringMatching(/^not-on-path: /)],
    ]);
  });

  it('fails in CI, where a missing tool would silently skip its tests', () => {
    expect(installWithNothing([], { CI: 'true' }).status).toBe(1);
  });

  it('looks only at the tools that were asked for', () => {
    const { stdout } = installWithNothing(['--json', '--only', 'curl,openssl']);
    expect((JSON.parse(stdout) as ToolReport[]).map((report) => report.name)).toEqual(['openssl', 'curl']);
  });

  it('refuses a name that it does not know instead of installing nothing', () => {
    expect(installWithNothing(['--only', 'envoi']).status).toBe(2);
  });
});

describe('an installation', () => {
  it('is another one when a version, a name or a source file changes', () => {
    const sources = join(folder, 'sources');
    mkdirSync(sources);
    writeFileSync(join(sources, 'a.go'), 'package a');
    const before = fingerprintOf(['tool', '1.0'], sources);
    expect(fingerprintOf(['tool', '1.0'], sources)).toBe(before);
    expect(fingerprintOf(['tool', '1.1'], sources)).not.toBe(before);
    expect(fingerprintOf(['tool1', '.0'], sources)).not.toBe(before);
    writeFileSync(join(sources, 'a.go'), 'package b');
    expect(fingerprintOf(['tool', '1.0'], sources)).not.toBe(before);
  });
});

describe('the lock', () => {
  const holder = () => ({
    name: 'holder',
    command: process.execPath,
    args: [
      '--input-type=module',
      '-e',
      `import { takeToolsLock } from ${JSON.stringify(import.meta.resolve('./lock.ts'))};
       takeToolsLock(() => console.log('waiting'));
       console.log('held'); setInterval(() => {}, 1000);`,
    ],
    environment: { POSTERN_TOOLS: join(folder, 'tools') },
  });

  it('keeps a second run out, and lets it in when the first was killed', async () => {
    const first = await startProcess({ ...holder(), ready: { line: /held/ } });
    const second = await startProcess({ ...holder(), ready: { line: /waiting/ } });
    try {
      expect(second.output.match(/held/)).toBeUndefined();
      process.kill(first.pid, 'SIGKILL');
      await second.output.waitForLine(/held/);
    } finally {
      await first.stop();
      await second.stop();
    }
  });
});
