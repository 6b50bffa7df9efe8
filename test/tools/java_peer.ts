import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { accept, type Result, refuse } from '@postern/result';
import { copyMavenLibraries, writeJavaLauncher } from './maven.ts';
import { findOnPath, toolsFolder } from './places.ts';
import { runCommand, summaryLine } from './run_command.ts';

/** Java 17 is the oldest with which the sources compile. */
const RELEASE = '17';
/** A workload that lives for a second: nothing is won by compiling its loops, nor by more than one collector thread. */
const SHORT_LIVED = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

/** Compiles a project's sources against its libraries, without Maven's own compiler, and answers the launcher. */
export async function buildJavaPeer(name: string, project: string, mainClass: string): Promise<Result<string, string>> {
  const folder = join(toolsFolder, name);
  await rm(folder, { recursive: true, force: true });
  const [libraries, classes] = [join(folder, 'lib'), join(folder, 'classes')];
  const java = await copyMavenLibraries(project, libraries);
  if (!java.ok) return java;
  const compiler = findOnPath('javac');
  if (compiler === undefined) return refuse('javac-missing', 'no `javac` on PATH: a JDK is needed');
  const sources = await javaSources(join(project, 'src/main/java'));
  const args = ['-proc:none', '--release', RELEASE, '-d', classes, '-cp', `${libraries}/*`, ...sources];
  const compiled = await runCommand(compiler, args);
  if (compiled.code !== 0) return refuse('javac-failed', summaryLine(compiled.output));
  const path = join(toolsFolder, 'bin', name);
  await writeJavaLauncher(path, java.value, [...SHORT_LIVED, '-cp', `${classes}:${libraries}/*`, mainClass]);
  const probe = await runCommand(path, [], { timeoutMs: 60_000 });
  return probe.output.includes('give a mode') ? accept(path) : refuse(`${name}-broken`, summaryLine(probe.output));
}

async function javaSources(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((name) => name.endsWith('.java')).map((name) => join(folder, name));
}
