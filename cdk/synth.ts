/**
 * `npm run synth [-- -c KEY=VALUE…]`: bundles the functions and writes the template to `cdk.out/`, without the CDK's own
 * command line, and from the same configuration: `cdk.context.json` where there is one, and over it what is said here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { endMistaken, readCommandLine } from '../test/kit/command_line.ts';
import { BundleRefused } from './bundle/check_contents.ts';
import { CONFIGURATION_KEYS, ConfigurationInvalid } from './configuration.ts';
import type { Context } from './context.ts';
import { repositoryFolder } from './places.ts';
import { synthesise } from './synthesise.ts';

const program = {
  name: 'npm run synth',
  options: { context: { type: 'string', short: 'c', multiple: true } },
  usage: `npm run synth [-- -c KEY=VALUE…]

Bundles the functions and writes the CloudFormation template to cdk.out/, from cdk.context.json where
there is one. Calls nobody and needs no AWS account. The keys (docs/deploy.md says more):
  ${Object.keys(CONFIGURATION_KEYS).join(' ')}

  -c, --context KEY=VALUE  instead of what the file says; repeatable
  --help                   this text

Examples:
  npm run synth
  npm run synth -- -c trustDomain=prod.example.org -c objectLock=none

Exit codes: 0, 1 for a configuration that cannot be used, 2 for a mistake in the command line.
`,
} as const;
const { values } = readCommandLine(program);
const say = (line: string) => void process.stdout.write(`${line}\n`);

try {
  const startedMs = performance.now();
  const { stackName, template, templateFile, assets, notes } = await synthesise({
    context: { ...readContextFile(), ...readContext(values.context ?? []) },
    outFolder: join(repositoryFolder, 'cdk.out'),
    onBundle: ({ name, bytes, tookMs }) =>
      say(`bundled  ${name.padEnd(10)} ${String(bytes).padStart(8)} bytes  ${tookMs} ms`),
  });
  const resources = Object.keys(template.Resources).length;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  say(
    `written  ${relative(process.cwd(), templateFile)}: ${resources} resources, ${assets.length} bundles, ${seconds} s`,
  );
  for (const [name, { Description }] of Object.entries(template.Outputs))
    say(`output   ${name.padEnd(14)} ${Description}`);
  for (const note of notes) say(`note     ${note}`);
  // A template that CloudFormation would refuse has a note that says so.
  if (template.Rules?.['TrustDomainIsNamed'] === undefined)
    say(`deploy   npx cdk deploy ${stackName} --app cdk.out --outputs-file postern-deployment.json`);
} catch (fault) {
  if (!(fault instanceof ConfigurationInvalid || fault instanceof BundleRefused)) throw fault;
  process.stderr.write(`synth: ${fault.message}\n`);
  process.exitCode = 1;
}

function readContext(pairs: readonly string[]): Context {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) endMistaken(program, `\`${pair.slice(0, 100)}\` is not KEY=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function readContextFile(): Context {
  const file = join(repositoryFolder, 'cdk.context.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Context) : {};
}
