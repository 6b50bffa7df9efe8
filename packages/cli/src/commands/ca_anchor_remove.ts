/** `postern ca anchor remove` */
import type { Command } from 'commander';
import { type AuthorityOptions, addAuthorityOptions, dryRunOf, operateAuthority } from '../authority_call.ts';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';

export function addCaAnchorRemove(parent: Command, cli: Cli): void {
  defineCommand<AuthorityOptions>(parent, cli, {
    name: 'remove <digest>',
    description: 'believe that other authority no more: what it signed counts for nothing, within seconds',
    examples: [['postern ca anchor remove 5f0c…', 'by the SHA-256 that `ca status` shows']],
    configure: addAuthorityOptions,
    run: (cli, options, [digest = '']) =>
      operateAuthority(cli, options, { command: 'remove-anchor', digest, ...dryRunOf(options) }),
  });
}
