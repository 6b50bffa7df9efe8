import { describe, expect, it } from 'vitest';
import { checkLayers } from './layers/check_layers.ts';
import { loadWorkspace, type Manifest, type Workspace } from './layers/workspace.ts';
import { layers } from './layers.ts';
import { repositoryFolder } from './tools/places.ts';

describe('the layers of this repository', () => {
  it('hold everywhere', () => {
    expect(checkLayers(loadWorkspace(repositoryFolder))).toEqual([]);
  });

  it('form no cycle, so that every package can be read without the ones above it', () => {
    const names = layers.map((layer) => layer.name);
    for (const [index, layer] of layers.entries()) {
      const above = layer.mayUse.filter((used) => names.indexOf(used) >= index);
      expect(above, layer.name).toEqual([]);
    }
  });
});

/** A small workspace of real package names with one planted file. */
function planted(path: string, text: string, manifests: Record<string, Partial<Manifest>> = {}): Workspace {
  const all: Record<string, Partial<Manifest>> = {
    '': { name: 'workspace', devDependencies: { vitest: '1' } },
    'packages/result': { name: '@postern/result', exports: { '.': './src/index.ts' } },
    'packages/der': {
      name: '@postern/der',
      exports: { '.': './src/index.ts' },
      dependencies: { '@postern/result': '*' },
    },
    'packages/spiffe': {
      name: '@postern/spiffe',
      exports: { '.': './src/index.ts' },
      dependencies: { '@postern/der': '*' },
    },
    'packages/store': {
      name: '@postern/store',
      exports: { '.': './src/index.ts', './testing': './src/testing/index.ts' },
    },
    'packages/ca': { name: '@postern/ca', dependencies: { '@postern/spiffe': '*', '@postern/store': '*' } },
    'packages/policy-engine': { name: '@postern/policy-engine', dependencies: { '@cedar-policy/cedar-wasm': '1' } },
    ...manifests,
  };
  return { files: [{ path, text }], manifests: new Map(Object.entries(all) as [string, Manifest][]) };
}

const rulesOf = (workspace: Workspace) => checkLayers(workspace).map((violation) => violation.rule);

describe('a planted violation', () => {
  const cases: [harm: string, path: string, text: string, rules: string[]][] = [
    ['the pure core reaches up', 'packages/spiffe/src/a.ts', `import '@postern/ca';`, ['layer-order']],
    [
      'a type-only import reaches up',
      'packages/der/src/a.ts',
      `import type { A } from '@postern/spiffe';`,
      ['layer-order'],
    ],
    ['a type query reaches up', 'packages/der/src/a.ts', `type A = import('@postern/spiffe').A;`, ['layer-order']],
    ['a dynamic import reaches up', 'packages/der/src/a.ts', `await import('@postern/spiffe');`, ['layer-order']],
    ['a re-export reaches up', 'packages/der/src/a.ts', `export * from '@postern/spiffe';`, ['layer-order']],
    ['a relative path leaves its package', 'packages/ca/src/a.ts', `import '../../der/src/der.ts';`, ['deep-import']],
    ['a subpath that is not exported', 'packages/ca/src/a.ts', `import '@postern/spiffe/src/id.ts';`, ['deep-import']],
    [
      'even a test looks past the exports',
      'test/e2e/a.test.ts',
      `import '../../packages/der/src/der.ts';`,
      ['deep-import'],
    ],
    [
      'test support in production',
      'packages/ca/src/a.ts',
      `import '@postern/store/testing';`,
      ['testing-in-production'],
    ],
    ['a dependency that nobody declared', 'packages/ca/src/a.ts', `import 'yaml';`, ['undeclared-dependency']],
    [
      'a declared layer that is undeclared here',
      'packages/ca/src/a.ts',
      `import '@postern/der';`,
      ['undeclared-dependency'],
    ],
    ['the cloud in the core', 'packages/ca/src/a.ts', `import '@aws-sdk/client-kms';`, ['fenced-dependency']],
    [
      'the Cedar parser on the decision path',
      'packages/policy-engine/src/decide.ts',
      `import '@cedar-policy/cedar-wasm/nodejs';`,
      ['fenced-dependency'],
    ],
    ['a file read in pure code', 'packages/der/src/a.ts', `import { readFileSync } from 'node:fs';`, ['impure']],
    ['a module without its node: prefix', 'packages/der/src/a.ts', `import 'fs';`, ['impure']],
    ['a clock in pure code', 'packages/spiffe/src/a.ts', `const isOld = at < Date.now();`, ['impure']],
    ['a hidden clock in pure code', 'packages/spiffe/src/a.ts', `const now = new Date();`, ['impure']],
    ['a stopwatch in pure code', 'packages/spiffe/src/a.ts', `performance.now();`, ['impure']],
    ['chance in pure code', 'packages/der/src/a.ts', `const id = Math.random();`, ['impure']],
    ['the environment in pure code', 'packages/der/src/a.ts', `const path = process.env['PATH'];`, ['impure']],
    ['the network in pure code', 'packages/policy-engine/src/a.ts', `fetch('https://example.org');`, ['impure']],
    ['a path of one machine', 'docs/a.md', ['see ', 'work', 'main/x'].join('/'), ['machine-trace']],
    ['a home folder', 'docs/a.md', ['see ', 'home', 'anna', 'x'].join('/'), ['machine-trace']],
    ['a registry host', 'docs/a.md', ['https://registry', 'npmjs', 'org/x'].join('.'), ['machine-trace']],
  ];

  it.each(cases)('is found: %s', (_harm, path, text, rules) => {
    expect(rulesOf(planted(path, text))).toEqual(rules);
  });

  it('is found in a package.json alone', () => {
    const workspace = planted('packages/der/src/a.ts', '', {
      'packages/der': { name: '@postern/der', dependencies: { '@postern/ca': '*' } },
    });
    expect(rulesOf(workspace)).toEqual(['layer-order']);
  });

  it('is found in a package that has no row', () => {
    expect(rulesOf(planted('docs/a.md', '', { 'packages/misc': { name: '@postern/misc' } }))).toEqual([
      'unknown-package',
    ]);
  });
});

describe('what the rules allow', () => {
  const cases: [what: string, path: string, text: string][] = [
    ['the layer below', 'packages/spiffe/src/a.ts', `import '@postern/der';`],
    ['a word in a comment or text', 'packages/der/src/a.ts', `// process.env, Date.now()\nconst a = 'Date.now()';`],
    [
      'a time given as a value',
      'packages/spiffe/src/a.ts',
      `const at = new Date(nowMs); const b = request.process.id;`,
    ],
    ['a clock in a test of pure code', 'packages/der/src/a.test.ts', `import 'node:fs'; import 'vitest'; Date.now();`],
    [
      'the Cedar parser where policies are published',
      'packages/policy-engine/src/publish/a.ts',
      `import '@cedar-policy/cedar-wasm';`,
    ],
    ['the Cedar parser in a conformance test', 'test/conformance/a.ts', `import '@cedar-policy/cedar-wasm/nodejs';`],
    ['one part of a package, by its index', 'test/conformance/a.ts', `import '../../packages/der/src/part/index.ts';`],
    ['test support in a test', 'packages/ca/src/a.test.ts', `import '@postern/store/testing';`],
    ['an address that merely looks alike', 'docs/a.md', 'https://example.org/work/main and ./work/ and /workload/'],
  ];

  it.each(cases)('%s', (_what, path, text) => {
    expect(checkLayers(planted(path, text))).toEqual([]);
  });
});
