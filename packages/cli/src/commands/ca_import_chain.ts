/** `postern ca import-chain` */
import type { Command } from 'commander';
import { type AuthorityOptions, addAuthorityOptions, dryRunOf, operateAuthority } from '../authority_call.ts';
import { readCertificates } from '../certificate_file.ts';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';

export function addCaImportChain(parent: Command, cli: Cli): void {
  defineCommand<AuthorityOptions>(parent, cli, {
    name: 'import-chain <file...>',
    description:
      'take what a company’s authority answered: the certificate for our key, what is above it, and the company’s root; then it rolls over as any other key does',
    examples: [
      ['postern ca import-chain chain.pem --dry-run', 'would every verifier take what is issued below it?'],
      [
        'postern ca import-chain postern.pem company-root.pem',
        'in any order; the company’s root comes into the trust bundle',
      ],
    ],
    configure: addAuthorityOptions,
    run: (cli, options, files) => {
      const certificates = files.flatMap((file) => readCertificates(cli, file));
      return operateAuthority(cli, options, { command: 'install', certificates, ...dryRunOf(options) });
    },
  });
}
