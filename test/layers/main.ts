/** Prints every violation of the layer rules, one a line; exit code 1 when there is one. */
import { repositoryFolder } from '../tools/places.ts';
import { checkLayers } from './check_layers.ts';
import { loadWorkspace } from './workspace.ts';

const violations = checkLayers(loadWorkspace(repositoryFolder));
for (const { path, line, rule, detail } of violations) process.stdout.write(`${path}:${line} ${rule}: ${detail}\n`);
process.exitCode = violations.length === 0 ? 0 : 1;
