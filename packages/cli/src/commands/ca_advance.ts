/** `postern ca advance` */
import type { Command } from 'commander';
import { type AuthorityOptions, addAuthorityOptions, dryRunOf, operateAuthority } from '../authority_call.ts';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';

export function addCaAdvance(parent: Command, cli: Cli): void {
  defineCommand<AuthorityOptions>(parent, cli, {
    name: 'advance',
    description: 'take every step that is due now, without waiting for the next minute; goes against no rule',
    examples: [
      ['postern ca advance', 'after the last consumer has reported'],
      ['postern ca advance --dry-run', 'which step is due?'],
    ],
    configure: addAuthorityOptions,
    run: (cli, options) => operateAuthority(cli, options, { command: 'advance', ...dryRunOf(options) }),
  });
}
