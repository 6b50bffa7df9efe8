import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'postern-code-'));
});
afterEach(() => rmSync(base, { recursive: true }));

/** `postern --version`, as its users start it. */
function run(cache: string, more: Record<string, string> = {}): string {
  const program = join(import.meta.dirname, 'main.ts');
  const env = { ...process.env, ...more, XDG_CACHE_HOME: cache };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--version'], { env, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

const filesIn = (folder: string) => readdirSync(folder, { recursive: true }).length;

test('is kept where only its owner can write, and the program says the same with it', () => {
  const first = run(base);
  expect(statSync(join(base, 'postern')).mode & 0o777).toBe(0o700);
  expect(filesIn(join(base, 'postern'))).toBeGreaterThan(10);
  expect(run(base)).toBe(first);
});

test.each<[why: string, prepare: (folder: string) => void]>([
  [
    'others can write to',
    (folder) => {
      mkdirSync(folder);
      chmodSync(folder, 0o777);
    },
  ],
  [
    'is a link',
    (folder) => {
      mkdirSync(`${folder}-elsewhere`);
      symlinkSync(`${folder}-elsewhere`, folder);
    },
  ],
])('is not kept in a folder that %s', (_, prepare) => {
  const folder = join(base, 'postern');
  prepare(folder);
  expect(run(base)).toMatch(/\d/);
  expect(filesIn(folder)).toBe(0);
});

test('is done without where there is no place for it, and where it is turned off', () => {
  writeFileSync(join(base, 'file'), '');
  expect(run(join(base, 'file'))).toMatch(/\d/);
  expect(run(base, { NODE_DISABLE_COMPILE_CACHE: '1' })).toMatch(/\d/);
  expect(readdirSync(base)).toEqual(['file']);
});
