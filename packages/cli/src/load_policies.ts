/** A policy repository of this machine, ready to decide with: what offline commands ask. */
import type { LoadedRelease } from '@postern/policy-engine';
import type { Cli } from './cli.ts';
import { type CompileOptions, compilePolicies } from './compile_policies.ts';
import { CommandFailure } from './failure.ts';

export interface LoadedPolicies {
  readonly files: ReadonlyMap<string, string>;
  readonly loaded: LoadedRelease;
}

/** Ends the command with every problem and its place when the repository does not compile. */
export async function loadPolicies(cli: Cli, dir: string, options: CompileOptions): Promise<LoadedPolicies> {
  const { compilation, files, problems } = await compilePolicies(cli, dir, options);
  const { formatProblems } = await import('@postern/policy-engine/publish');
  const { loadRelease } = await import('@postern/policy-engine');
  const loaded = compilation.ok ? loadRelease(compilation.release) : undefined;
  if (loaded?.ok === true) return { files, loaded: loaded.value };
  throw new CommandFailure(
    'refused',
    'policy-invalid',
    `the policies in \`${dir}\` do not compile`,
    `see: postern policy check ${dir}`,
    { members: { problems }, text: formatProblems(problems, 'text') },
  );
}
