import { isBuiltin } from 'node:module';
import { join } from 'node:path/posix';
import { fencedDependencies, type Layer, layers } from '../layers.ts';
import type { ImportedModule } from './syntax.ts';
import { isTestFile, type Violation } from './violation.ts';
import type { Manifest, Workspace } from './workspace.ts';

/** Judges what one file imports, and in what form. */
export function checkImports(workspace: Workspace, path: string, imports: readonly ImportedModule[]): Violation[] {
  return imports.flatMap(({ specifier, line }) => {
    const rule = judgeImport(workspace, path, specifier);
    return rule === undefined ? [] : [{ rule, path, line, detail: `imports ${specifier}` }];
  });
}

/** Judges what each package.json asks for, even where no file imports it yet. */
export function checkManifests(workspace: Workspace): Violation[] {
  return layers.flatMap((layer) => {
    const asked = Object.keys(workspace.manifests.get(layer.folder)?.dependencies ?? {});
    const path = `${layer.folder}/package.json`;
    return asked
      .filter((name) => name.startsWith('@postern/') && !mayUse(layer, name.slice('@postern/'.length)))
      .map((name) => ({ rule: 'layer-order', path, line: 1, detail: `depends on ${name}` }) as const);
  });
}

function judgeImport(workspace: Workspace, path: string, specifier: string): Violation['rule'] | undefined {
  const layer = layerOf(path);
  if (specifier.startsWith('.')) return judgeRelative(path, layer, specifier);
  if (isBuiltin(specifier)) return undefined;
  const fence = fencedDependencies.find((fenced) => fenced.matches.test(specifier));
  if (fence !== undefined) {
    const isInside = fence.folders.some((folder) => path.startsWith(`${folder}/`));
    if (!isInside && !(fence.inTests && isTestFile(path))) return 'fenced-dependency';
  }
  if (layer === undefined) return judgeSubpath(workspace, path, specifier);
  const name = packageName(specifier);
  if (name.startsWith('@postern/')) {
    const target = name.slice('@postern/'.length);
    if (target !== layer.name && !mayUse(layer, target) && !isTestFile(path)) return 'layer-order';
    const subpathRule = judgeSubpath(workspace, path, specifier);
    if (subpathRule !== undefined || target === layer.name) return subpathRule;
  }
  return isDeclared(workspace, layer, path, name) ? undefined : 'undeclared-dependency';
}

/** A relative path may not leave its package: what another package shows is its exports, nothing beside them. */
function judgeRelative(path: string, layer: Layer | undefined, specifier: string): Violation['rule'] | undefined {
  const target = join(path, '..', specifier);
  const targetLayer = layerOf(target);
  if (targetLayer === layer && (layer !== undefined || !target.startsWith('..'))) return undefined;
  if (layer === undefined && targetLayer?.name === 'demo') return undefined;
  // The demo runs the real peers that tests use, so it finds and starts them in the same way.
  if (layer?.name === 'demo' && target.startsWith('test/')) return undefined;
  // Whatever `npm run` starts reads its command line in the same way.
  if (layer?.name === 'cdk' && target === 'test/kit/command_line.ts') return undefined;
  if (!isTestFile(path)) return 'deep-import';
  // A conformance suite drives one part of a package, by that part's own index.
  const isIndex = path.startsWith('test/') && target.endsWith('/index.ts');
  return isIndex || target.startsWith('test/') ? undefined : 'deep-import';
}

function judgeSubpath(workspace: Workspace, path: string, specifier: string): Violation['rule'] | undefined {
  const name = packageName(specifier);
  if (!name.startsWith('@postern/')) return undefined;
  const manifest = [...workspace.manifests.values()].find((candidate) => candidate.name === name);
  const subpath = `.${specifier.slice(name.length)}`;
  if (manifest === undefined || !isExported(manifest, subpath)) return 'deep-import';
  return subpath === './testing' && !isTestFile(path) ? 'testing-in-production' : undefined;
}

function isExported(manifest: Manifest, subpath: string): boolean {
  return Object.keys(manifest.exports ?? {}).some((key) => {
    const [before, after] = key.split('*');
    if (after === undefined) return key === subpath;
    return subpath.startsWith(before!) && subpath.endsWith(after) && subpath.length > before!.length + after.length;
  });
}

function isDeclared(workspace: Workspace, layer: Layer, path: string, name: string): boolean {
  const own = workspace.manifests.get(layer.folder);
  if (own !== undefined && declares(own, name)) return true;
  // A test runs in the workspace, where everything that anybody declared is installed.
  return isTestFile(path) && [...workspace.manifests.values()].some((any) => declares(any, name));
}

function declares(manifest: Manifest, name: string): boolean {
  return name === manifest.name || name in { ...manifest.dependencies, ...manifest.devDependencies };
}

function layerOf(path: string): Layer | undefined {
  return layers.find((layer) => path.startsWith(`${layer.folder}/`));
}

function mayUse(layer: Layer, target: string): boolean {
  return layer.mayUse.includes(target);
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
