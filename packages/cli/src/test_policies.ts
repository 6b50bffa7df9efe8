/** What a repository has to pass here before it is published: the check with its warnings, and its own tests. */
import type { CompileProblem } from '@postern/policy-engine/publish';
import type { Cli } from './cli.ts';
import type { CompileOptions } from './compile_policies.ts';
import { CommandFailure } from './failure.ts';
import { loadPolicies } from './load_policies.ts';
import { formatTestResult } from './test_text.ts';

export interface TestedPolicies {
  /** Of the check: those of the compiler, and the lints. */
  readonly warnings: readonly CompileProblem[];
  readonly passed: number;
}

/** Ends the command where the policies do not compile, a test cannot be read, or one fails. */
export async function testPolicies(cli: Cli, dir: string, options: CompileOptions): Promise<TestedPolicies> {
  const { files, loaded, warnings } = await loadPolicies(cli, dir, options, 'checkRepository');
  const { runPolicyTests } = await import('@postern/policy-engine/publish');
  const { results } = runPolicyTests(loaded, files);
  const failed = results.filter(({ passed }) => !passed);
  if (failed.length === 0) return { warnings, passed: results.length };
  throw new CommandFailure(
    'refused',
    'policy-tests-failed',
    `${failed.length} of ${results.length} tests in \`${dir}\` failed: nothing was published`,
    'see: postern policy test DIR; --skip-tests publishes all the same',
    {
      members: { failed },
      text: failed
        .map((result) => formatTestResult(cli.paintErr, result))
        .join('')
        .trimEnd(),
    },
  );
}
