import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { accept, type Result, refuse } from '@postern/result';
import { findOnPath } from './places.ts';
import { runCommand, summaryLine } from './run_command.ts';

type MavenRefusal = 'maven-missing' | 'java-missing' | 'maven-failed';

/** Copies what the project's `pom.xml` depends on into `folder`, and answers the `java` to run it with. */
export async function copyMavenLibraries(project: string, folder: string): Promise<Result<string, MavenRefusal>> {
  const maven = findOnPath('mvn');
  if (maven === undefined) return refuse('maven-missing', 'no `mvn` on PATH');
  const java = findOnPath('java');
  if (java === undefined) return refuse('java-missing', 'no `java` on PATH');
  const args = [
    '-q',
    '-B',
    '-f',
    join(project, 'pom.xml'),
    'dependency:copy-dependencies',
    `-DoutputDirectory=${folder}`,
  ];
  const copied = await runCommand(maven, args);
  return copied.code === 0 ? accept(java) : refuse('maven-failed', summaryLine(copied.output));
}

/** A program at `path` that becomes the JVM: in /proc/PID/exe it is `java`. */
export async function writeJavaLauncher(path: string, java: string, args: readonly string[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const command = [java, ...args].map((part) => `'${part}'`).join(' ');
  await writeFile(path, `#!/bin/sh\nexec ${command} "$@"\n`);
  await chmod(path, 0o755);
}
