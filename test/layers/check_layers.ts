import { layers } from '../layers.ts';
import { checkImports, checkManifests } from './imports.ts';
import { checkPurity } from './purity.ts';
import { findImports, parseSyntax } from './syntax.ts';
import { checkTraces } from './traces.ts';
import type { Violation } from './violation.ts';
import type { Workspace } from './workspace.ts';

/** Holds a workspace against the whole rule table. Pure: the same workspace always gives the same violations. */
export function checkLayers(workspace: Workspace): Violation[] {
  const violations = [...checkManifests(workspace), ...checkPackages(workspace)];
  for (const file of workspace.files) {
    violations.push(...checkTraces(file));
    if (!file.path.endsWith('.ts')) continue;
    const program = parseSyntax(file.text);
    violations.push(...checkImports(workspace, file.path, findImports(file.text, program)));
    violations.push(...checkPurity(file.path, file.text, program));
  }
  return violations;
}

/** A new package states where it stands before it is used. */
function checkPackages(workspace: Workspace): Violation[] {
  const known = new Set(['', ...layers.map((layer) => layer.folder)]);
  return [...workspace.manifests.keys()]
    .filter((folder) => !known.has(folder) && !folder.startsWith('test/'))
    .map((folder) => ({
      rule: 'unknown-package',
      path: `${folder}/package.json`,
      line: 1,
      detail: 'has no row in test/layers.ts',
    }));
}
