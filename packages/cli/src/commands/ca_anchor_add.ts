/** `postern ca anchor add` */
import type { Command } from 'commander';
import { type AuthorityOptions, addAuthorityOptions, dryRunOf, operateAuthority } from '../authority_call.ts';
import { readCertificates } from '../certificate_file.ts';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';

export function addCaAnchorAdd(parent: Command, cli: Cli): void {
  defineCommand<AuthorityOptions>(parent, cli, {
    name: 'add <file>',
    description: 'believe another authority of this same trust domain, while workloads move from it or to it',
    examples: [
      ['postern ca anchor add spire-root.pem', 'it may name every workload of this trust domain from now on'],
      ['postern ca anchor add spire-root.pem --dry-run', 'would it be taken?'],
    ],
    configure: addAuthorityOptions,
    run: (cli, options, [file = '']) => {
      const [certificate = '', ...more] = readCertificates(cli, file);
      if (more.length > 0)
        throw new CommandFailure(
          'usage',
          'file-malformed',
          `\`${file}\` has ${more.length + 1} certificates`,
          'add one root at a time, each from a file of its own',
        );
      return operateAuthority(cli, options, { command: 'add-anchor', certificate, ...dryRunOf(options) });
    },
  });
}
