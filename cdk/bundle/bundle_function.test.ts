import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleFunction } from './bundle_function.ts';
import { BundleRefused } from './check_contents.ts';
import { compareDependencyLists, formatDependencyList } from './dependency_list.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-bundle-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HANDLER = 'export const handler = async () => ';
const bundle = (name: FunctionName, text: string) => bundleFunction(name, { folder, handler: { text } });
const run = async (bundled: { folder: string }): Promise<unknown> => {
  const { handler } = (await import(pathToFileURL(join(bundled.folder, 'index.mjs')).href)) as { handler(): unknown };
  return handler();
};

describe('a bundle', () => {
  test('runs away from the repository, with the file that a part of it reads from its own folder', async () => {
    const text = `${HANDLER} (await import('@cedar-policy/cedar-wasm/nodejs')).getCedarVersion();`;
    const bundled = await bundle('publish', text);
    expect(readdirSync(bundled.folder).sort()).toEqual(['cedar_wasm_bg.wasm', 'index.mjs']);
    expect(await run(bundled)).toBe('4.13.0');
    const sizes = readdirSync(bundled.folder).map((file) => statSync(join(bundled.folder, file)).size);
    expect(bundled.bytes).toBe(sizes.reduce((sum, size) => sum + size));
  });

  test('loses what an earlier one left: nothing is deployed that no source asked for', async () => {
    await bundle('publish', `import '@cedar-policy/cedar-wasm/nodejs'; ${HANDLER} 1;`);
    expect(readdirSync((await bundle('publish', `${HANDLER} 2;`)).folder)).toEqual(['index.mjs']);
  });

  test('is the same bytes each time, and holds no path of this machine', async () => {
    const text = `import { Hono } from 'hono'; ${HANDLER} typeof Hono;`;
    const bytes = async () => readFileSync(join((await bundle('feed', text)).folder, 'index.mjs'), 'utf8');
    const first = await bytes();
    expect(await bytes()).toBe(first);
    expect(first).not.toContain(process.cwd());
    expect(first).not.toContain(folder);
    expect(first).not.toContain('sourceMappingURL');
  });

  test('lists what it contains, and not what was looked at and left out', async () => {
    const text = `import { createHash } from 'crypto'; import { accept } from '@postern/result';
      import { KMSClient } from '@aws-sdk/client-kms';
      ${HANDLER} [createHash, accept];`;
    const list = formatDependencyList((await bundle('feed', text)).contents);
    expect(list.split('\n').slice(1)).toEqual(['@postern/result', 'node:crypto', '']);
  });
});

describe('a bundle is refused', () => {
  test.each<[harm: string, names: readonly FunctionName[], text: string]>([
    ['an SDK client in the decision', ['authorize'], `export { KMSClient } from '@aws-sdk/client-kms'; ${HANDLER} 1`],
    ['a part of one', ['authorize'], `export * from '@smithy/signature-v4'; ${HANDLER} 1`],
    ['a framework in the decision', ['authorize'], `export { Hono } from 'hono'; ${HANDLER} 1`],
    [
      'the Cedar parser where policies are only used',
      FUNCTION_NAMES.filter((name) => name !== 'publish'),
      `export * from '@cedar-policy/cedar-wasm/nodejs'; ${HANDLER} 1`,
    ],
    ['a listener', ['issue'], `export { serve } from '@hono/node-server'; ${HANDLER} 1`],
    ['the wiring of one machine', ['feed'], `export * from '../local/shutdown.ts'; ${HANDLER} 1`],
    ['test support', ['feed'], `export * from '@postern/keys/testing'; ${HANDLER} 1`],
  ])('with %s', async (_harm, names, text) => {
    for (const name of names) await expect(bundle(name, text), name).rejects.toThrow(BundleRefused);
  });

  test('without what Lambda calls', async () => {
    await expect(bundle('feed', 'export const handle = 1;')).rejects.toThrow(BundleRefused);
  });

  test('and says what is wrong with it, so that the import can be found', async () => {
    const text = `export { Hono } from 'hono'; ${HANDLER} 1`;
    await expect(bundle('authorize', text)).rejects.toThrow(/`authorize` has hono: .*plain function/);
  });

  test('with an import that is nowhere', async () => {
    await expect(bundle('feed', `import 'no-such-package'; ${HANDLER} 1`)).rejects.toThrow(/no-such-package/);
  });
});

test('a changed list is told line by line', () => {
  const before = '# header\nnode:crypto\nnpm hono\n';
  expect(compareDependencyLists(before, '# header\nnode:crypto\nnpm left-pad\n')).toEqual([
    '+ npm left-pad',
    '- npm hono',
  ]);
  expect(compareDependencyLists(before, before)).toEqual([]);
});
