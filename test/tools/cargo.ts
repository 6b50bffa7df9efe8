import { copyFile, mkdir, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { accept, type Result, refuse } from '@postern/result';
import { findOnPath, installerEnvironment, isFolder, toolsFolder } from './places.ts';
import { runCommand, summaryLine } from './run_command.ts';

type CargoRefusal = 'cargo-missing' | 'cargo-build-failed';

/** Builds the one program of a crate by its lock file. What the compiler leaves behind, hundreds of MB, is removed. */
export async function buildCargo(program: string, crate: string): Promise<Result<string, CargoRefusal>> {
  const cargo = findOnPath('cargo');
  if (cargo === undefined) return refuse('cargo-missing', 'no `cargo` on PATH');
  const target = join(toolsFolder, 'cargo-target', program);
  const args = ['build', '--quiet', '--locked', '--target-dir', target, '--manifest-path', join(crate, 'Cargo.toml')];
  const environment = { CARGO_INCREMENTAL: '0', ...(await rustupHome(cargo)) };
  const built = await runCommand(cargo, args, { environment });
  if (built.code !== 0) return refuse('cargo-build-failed', summaryLine(built.output));
  const path = join(toolsFolder, 'bin', program);
  await mkdir(dirname(path), { recursive: true });
  // A running program's file cannot be written over.
  await rm(path, { force: true });
  await copyFile(join(target, 'debug', program), path);
  await rm(target, { recursive: true, force: true });
  return accept(path);
}

/**
 * rustup's `cargo` looks for its toolchains below HOME, which in CI may be another than where it was installed: then
 * they are beside the folder that `cargo` is in.
 */
async function rustupHome(cargo: string): Promise<{ RUSTUP_HOME?: string }> {
  const { RUSTUP_HOME, HOME } = installerEnvironment();
  const isRustup = basename(await realpath(cargo)) === 'rustup';
  if (!isRustup || RUSTUP_HOME !== undefined || isFolder(join(HOME ?? '', '.rustup'))) return {};
  const beside = join(dirname(dirname(dirname(cargo))), '.rustup');
  return isFolder(beside) ? { RUSTUP_HOME: beside } : {};
}
