/** Compiles a policy repository here, as the control plane would, without publishing anything. */
import type { Compilation, CompileProblem } from '@postern/policy-engine/publish';
import { parseTrustDomain } from '@postern/spiffe';
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { CommandFailure } from './failure.ts';
import { readPolicyFolder, trustDomainOf } from './policy_folder.ts';

export interface CompileOptions {
  readonly trustDomain?: string;
}

export interface CompiledPolicies {
  readonly files: ReadonlyMap<string, string>;
  readonly trustDomain: string;
  readonly compilation: Compilation;
  readonly problems: readonly CompileProblem[];
}

export function addCompileOptions(command: Command): Command {
  return command.option(
    '--trust-domain <name>',
    'else POSTERN_TRUST_DOMAIN, else the one that the services’ SPIFFE IDs name',
  );
}

/** Of services that name no SPIFFE ID: nothing depends on it. */
const UNNAMED = 'unnamed.invalid';
const MAX_SHOWN_CHARS = 100;

/**
 * Loads Cedar's validator, which costs some 100 ms: only commands that need it wait for it. `compileWith`: by default as
 * the control plane does.
 */
export async function compilePolicies(
  cli: Cli,
  dir: string,
  options: CompileOptions,
  compileWith: 'compileRelease' | 'checkRepository' = 'compileRelease',
): Promise<CompiledPolicies> {
  const files = readPolicyFolder(cli, dir);
  const trustDomain = namedTrustDomain(cli, options) ?? trustDomainOf(files) ?? UNNAMED;
  const publish = await import('@postern/policy-engine/publish');
  const compilation = publish[compileWith]({ files, trustDomain, number: 1, nowMs: cli.io.nowMs(), nextSigners: [] });
  return { files, trustDomain, compilation, problems: compilation.ok ? compilation.warnings : compilation.problems };
}

/** A name that is none would make every SPIFFE ID of the repository a mistake. */
function namedTrustDomain({ io }: Cli, { trustDomain }: CompileOptions): string | undefined {
  const [name, where] =
    trustDomain === undefined
      ? [io.environment['POSTERN_TRUST_DOMAIN'] || undefined, 'POSTERN_TRUST_DOMAIN']
      : [trustDomain, '--trust-domain'];
  if (name === undefined || parseTrustDomain(name).ok) return name;
  throw new CommandFailure(
    'usage',
    'trust-domain-malformed',
    `${where} is \`${name.slice(0, MAX_SHOWN_CHARS)}\`, which is no trust domain`,
    'write it as in spiffe://NAME/: small letters, digits, dots, hyphens and underscores',
  );
}
