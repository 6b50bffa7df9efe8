/** A policy repository of this machine, ready to decide with: what offline commands ask. */
import type { LoadedRelease } from '@postern/policy-engine';
import type { CompileProblem } from '@postern/policy-engine/publish';
import type { Cli } from './cli.ts';
import { type CompileOptions, compilePolicies } from './compile_policies.ts';
import { CommandFailure } from './failure.ts';

export interface LoadedPolicies {
  readonly files: ReadonlyMap<string, string>;
  readonly loaded: LoadedRelease;
  readonly warnings: readonly CompileProblem[];
}

/** Ends the command with every problem and its place when the repository does not compile. */
export async function loadPolicies(
  cli: Cli,
  dir: string,
  options: CompileOptions,
  compileWith?: Parameters<typeof compilePolicies>[3],
): Promise<LoadedPolicies> {
  const { compilation, files, problems } = await compilePolicies(cli, dir, options, compileWith);
  const { formatProblems } = await import('@postern/policy-engine/publish');
  const { loadRelease } = await import('@postern/policy-engine');
  const loaded = compilation.ok ? loadRelease(compilation.release) : undefined;
  if (loaded?.ok === true) return { files, loaded: loaded.value, warnings: problems };
  throw new CommandFailure(
    'refused',
    'policy-invalid',
    `the policies in \`${dir}\` do not compile`,
    `see: postern policy check ${dir}`,
    { members: { problems }, text: formatProblems(problems, 'text') },
  );
}
