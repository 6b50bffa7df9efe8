/** `postern ca prepare` */
import type { Command } from 'commander';
import {
  type AuthorityOptions,
  addAuthorityOptions,
  dryRunOf,
  operateAuthority,
  parseRolledKey,
} from '../authority_call.ts';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';

export function addCaPrepare(parent: Command, cli: Cli): void {
  defineCommand<AuthorityOptions>(parent, cli, {
    name: 'prepare',
    description: 'make the successor of a key and publish it; it signs once everybody who verifies knows it',
    examples: [
      [
        'postern ca prepare root',
        'a new root; it signs in some minutes, and the one before is trusted until then and after',
      ],
      ['postern ca prepare jwt --dry-run', 'could the key of JWT-SVIDs be given a successor now?'],
    ],
    configure: (command) => addAuthorityOptions(command).argument('<key>', 'root or jwt', parseRolledKey),
    run: (cli, options, [key = '']) =>
      operateAuthority(cli, options, { command: 'prepare', key: parseRolledKey(key), ...dryRunOf(options) }),
  });
}
