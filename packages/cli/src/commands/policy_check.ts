/** `postern policy check` */
import { realpathSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ProblemFormat } from '@postern/policy-engine/publish';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { addCompileOptions, type CompileOptions, compilePolicies } from '../compile_policies.ts';
import { defineCommand } from '../define_command.ts';

interface Options extends CompileOptions {
  readonly format: ProblemFormat;
  readonly strict?: true;
}

export function addPolicyCheck(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'check <dir>',
    description: 'compile a policy repository offline and name every mistake with its place',
    examples: [
      ['postern policy check policies', 'file:line:column of whatever is wrong'],
      ['postern policy check policies --format sarif > policies.sarif', 'for a code review'],
      ['postern policy check policies --strict', 'warnings fail too'],
    ],
    configure: (command) =>
      addCompileOptions(command)
        .addOption(
          new Option('--format <format>', 'how problems are shown').choices(['text', 'json', 'sarif']).default('text'),
        )
        .option('--strict', 'exit code 1 for warnings too'),
    async run(cli, { format, strict, ...options }, [dir = '']) {
      const { compilation, problems, trustDomain } = await compilePolicies(cli, dir, options, 'checkRepository');
      const { formatProblems } = await import('@postern/policy-engine/publish');
      const ok = compilation.ok && !(strict === true && problems.length > 0);
      const { policies = [], services = [] } = compilation.ok ? compilation.release : {};
      const counts = compilation.ok ? { policies: policies.length, services: services.length } : {};
      return {
        json: { ok, trustDomain, ...counts, problems },
        exit: ok ? 'ok' : 'refused',
        text(paint) {
          if (format !== 'text') return `${formatProblems(problems, format, rootOf(cli, dir))}\n`;
          const listed = problems.length === 0 ? '' : `${formatProblems(problems, 'text')}\n`;
          const errors = problems.filter(({ severity }) => severity === 'error').length;
          const verdict = ok
            ? `${paint('green', 'ok')}: ${count(policies.length, 'policy', 'policies')}, ${count(services.length, 'service')} of ${trustDomain}`
            : `${paint('red', 'not ok')}: ${count(errors, 'error')}`;
          return `${listed}${verdict}${problems.length > errors ? `, ${count(problems.length - errors, 'warning')}` : ''}\n`;
        },
      };
    },
  });
}

/**
 * A code review shows paths from where the command runs, however the folder was named. What lies elsewhere is named in
 * full (SARIF 2.1.0, 3.4.3): from a path of its own nobody could tell which file is meant.
 */
function rootOf({ io }: Cli, dir: string): string {
  const root = realpathSync(resolve(io.folder, dir));
  const path = relative(realpathSync(io.folder), root);
  const isElsewhere = path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);
  return isElsewhere ? pathToFileURL(root).href : path.replaceAll(sep, '/');
}

function count(number: number, noun: string, nouns = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : nouns}`;
}
