import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { accept, type Result, refuse } from '@postern/result';
import { findAllOnPath, isExecutable } from './places.ts';
import { runCommand, summaryLine } from './run_command.ts';

// Some distributions ship Python without its `ensurepip`: such a one cannot make an environment, the next on PATH may.
const CAN_MAKE_ENVIRONMENTS = 'import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 9) else 3)';

type PythonRefusal = 'python-missing' | 'python-broken' | 'pip-failed';

/**
 * Installs one pinned distribution into a virtual environment of its own and answers that environment's interpreter.
 * An environment holds absolute paths: one that was made elsewhere, or by a Python now gone, is remade.
 */
export async function installPythonPackage(
  environmentFolder: string,
  requirement: string,
): Promise<Result<string, PythonRefusal>> {
  const python = join(environmentFolder, 'bin', 'python');
  if (!(await isEnvironment(environmentFolder, python))) {
    const made = await makeEnvironment(environmentFolder);
    if (!made.ok) return made;
  }
  const args = ['-m', 'pip', 'install', '--quiet', '--prefer-binary', requirement];
  const installed = await runCommand(python, args);
  return installed.code === 0 ? accept(python) : refuse('pip-failed', summaryLine(installed.output));
}

/** Asks an environment where an imported module's folder is; also the proof that the module can be imported. */
export async function findPythonModule(python: string, module: string): Promise<Result<string, 'module-missing'>> {
  const program = `import os, ${module}; print(os.path.dirname(${module}.__file__))`;
  const answer = await runCommand(python, ['-c', program]);
  return answer.code === 0 ? accept(answer.output.trim()) : refuse('module-missing', summaryLine(answer.output));
}

async function isEnvironment(folder: string, python: string): Promise<boolean> {
  if (!isExecutable(python)) return false;
  const probe = await runCommand(python, ['-c', 'import sys, pip; print(sys.prefix)']);
  return probe.code === 0 && probe.output.trim() === folder;
}

async function makeEnvironment(folder: string): Promise<Result<void, PythonRefusal>> {
  const python = await findPython();
  if (python === undefined) {
    return refuse('python-missing', 'no python3 (3.9 or later, with venv and ensurepip) on PATH');
  }
  await rm(folder, { recursive: true, force: true });
  const made = await runCommand(python, ['-m', 'venv', folder]);
  return made.code === 0 ? accept(undefined) : refuse('python-broken', summaryLine(made.output));
}

async function findPython(): Promise<string | undefined> {
  for (const path of [...findAllOnPath('python3'), ...findAllOnPath('python')]) {
    if ((await runCommand(path, ['-c', CAN_MAKE_ENVIRONMENTS], { timeoutMs: 20_000 })).code === 0) return path;
  }
  return undefined;
}
