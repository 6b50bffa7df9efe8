/** `postern policy publish` */
import { PATHS, type PublishAnswer, type PublishRequest } from '@postern/api';
import type { CompileProblem } from '@postern/policy-engine/publish';
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { addCompileOptions, type CompileOptions } from '../compile_policies.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { readPolicyFolder } from '../policy_folder.ts';
import type { Paint } from '../terminal_text.ts';
import { testPolicies } from '../test_policies.ts';

interface Options extends ControlPlaneOptions, CompileOptions {
  readonly skipTests?: true;
  readonly dryRun?: true;
  readonly force?: true;
}

export function addPolicyPublish(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'publish <dir>',
    description: 'sign a policy repository as the next release and give it to every decision point',
    examples: [
      ['postern policy publish policies --dry-run', 'would the control plane take it?'],
      ['postern policy publish policies', 'checked and tested here, then in force within seconds'],
    ],
    configure: (command) =>
      addCompileOptions(addControlPlaneOptions(command))
        .option('--dry-run', 'check and test here, compile there, publish nothing')
        .option('--skip-tests', 'leave it to the control plane, which compiles and runs no tests')
        .option('--force', 'make a new release also when the one in force says the same already'),
    run: (cli, options, [dir = '']) => publish(cli, options, dir),
  });
}

async function publish(cli: Cli, { dryRun, force, ...options }: Options, dir: string): Promise<Answer> {
  const files = readPolicyFolder(cli, dir);
  const tested = options.skipTests === true ? undefined : await testPolicies(cli, dir, options);
  const request: PublishRequest = {
    // The door takes no empty text; an empty line means the same to Cedar and YAML.
    files: Object.fromEntries([...files].map(([path, text]) => [path, text === '' ? '\n' : text])),
    dryRun: dryRun === true,
    ...(force === true && { force }),
  };
  const controlPlane = connectControlPlane(cli, options);
  const answer = await controlPlane.post<PublishAnswer>(PATHS.admin.releases, request).catch(showProblems);
  // Those found here are the control plane's and more.
  const warnings = tested?.warnings ?? answer.warnings;
  const listed = warnings.length === 0 ? '' : `${await formatAll(warnings)}\n`;
  const tests = tested === undefined ? 'no test was run' : `${tested.passed} tests passed`;
  return {
    json: { ...answer, warnings, tests: tested === undefined ? 'skipped' : { passed: tested.passed } },
    text: (paint) => `${listed}${tests}\n${outcomeOf(paint, answer)}\n`,
  };
}

function outcomeOf(paint: Paint, { published, unchanged, number, policies, services }: PublishAnswer): string {
  const size = `${policies} policies, ${services} services`;
  if (published) return `${paint('green', `published release ${number}`)}: ${size}`;
  if (unchanged)
    return `nothing to publish: release ${number}, in force, has the same content (--force makes a new one)`;
  return `nothing published: this would be the next release: ${size}`;
}

async function showProblems(fault: unknown): Promise<never> {
  const problems = fault instanceof CommandFailure ? fault.members['problems'] : undefined;
  if (!(fault instanceof CommandFailure) || !Array.isArray(problems)) throw fault;
  const { exit, reason, message, members } = fault;
  throw new CommandFailure(exit, reason, message, 'correct the places above; offline: postern policy check DIR', {
    members,
    text: await formatAll(problems),
  });
}

/** Compile problems as the control plane found them. */
async function formatAll(problems: readonly unknown[]): Promise<string> {
  const { formatProblems } = await import('@postern/policy-engine/publish');
  return formatProblems(problems as readonly CompileProblem[], 'text');
}
