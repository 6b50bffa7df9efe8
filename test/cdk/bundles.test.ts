import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bundle } from '@postern/cdk/bundle/bundle_function';
import { bundleFunctions } from '@postern/cdk/bundle/bundle_functions';
import { compareDependencyLists, formatDependencyList, readDependencyList } from '@postern/cdk/bundle/dependency_list';
import { type Synthesis, synthesise } from '@postern/cdk/synthesise';
import { FUNCTION_NAMES } from '@postern/functions/access';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repositoryFolder } from '../tools/places.ts';

/** Of the decision function, unpacked; Lambda loads it while a proxy waits. */
const MAX_AUTHORIZE_BYTES = 250 * 1024;

describe('what is deployed, from the sources of this repository,', () => {
  let folder: string;
  let synthesis: Synthesis;
  const bundles: Bundle[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-synth-'));
    synthesis = await synthesise({
      context: { trustDomain: 'prod.example.org' },
      outFolder: join(folder, 'out'),
      buildFolder: join(folder, 'build'),
      onBundle: (bundle) => bundles.push(bundle),
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(FUNCTION_NAMES)('contains for `%s` what its deps.txt lists', async (name) => {
    const contents = bundles.find((bundle) => bundle.name === name)?.contents;
    const contained = contents === undefined ? '' : formatDependencyList(contents);
    const changes = compareDependencyLists((await readDependencyList(name)) ?? '', contained);
    expect(changes, `functions/${name}/deps.txt differs: npm run bundle -- --write-deps`).toEqual([]);
  });

  test('is a template with a bundle for each function, whole', () => {
    expect(synthesis.assets).toHaveLength(FUNCTION_NAMES.length);
    for (const { folder: asset, objectKey } of synthesis.assets) {
      expect(readdirSync(asset)).toContain('index.mjs');
      expect(JSON.stringify(synthesis.template)).toContain(objectKey);
    }
    const withParser = synthesis.assets.filter(({ folder: asset }) => readdirSync(asset).length > 1);
    expect(withParser).toHaveLength(1);
  });

  test('is the same bytes when it is made again, and says nothing of the machine that made it', async () => {
    const again = await bundleFunctions(['authorize', 'issue', 'publish'], { folder: join(folder, 'again') });
    for (const bundle of again) {
      const first = readFileSync(join(folder, 'build', 'functions', bundle.name, 'index.mjs'), 'utf8');
      expect(readFileSync(join(bundle.folder, 'index.mjs'), 'utf8') === first, bundle.name).toBe(true);
      expect(first.includes(repositoryFolder), bundle.name).toBe(false);
    }
    expect(JSON.stringify(synthesis.template)).not.toContain(repositoryFolder);
  });

  test('starts a decision with little to load', () => {
    expect(bundles.find(({ name }) => name === 'authorize')?.bytes).toBeLessThan(MAX_AUTHORIZE_BYTES);
  });
});
