/** `postern ca override` */
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

interface Options extends AuthorityOptions {
  readonly reason: string;
}

export function addCaOverride(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'override',
    description:
      'let a published key sign although somebody who verifies may not know it; whoever does not know it refuses what it signs',
    examples: [
      [
        'postern ca override root --reason "node-7 is gone; its SVID ends at six"',
        'the rollover waits for nobody more; name, reason and an alarm are on record',
      ],
      ['postern ca override root --reason "node-7 is gone" --dry-run', 'whether it could be done'],
    ],
    configure: (command) =>
      addAuthorityOptions(command)
        .argument('<key>', 'root or jwt', parseRolledKey)
        .requiredOption('--reason <text>', 'why; goes to the record'),
    run: (cli, options, [key = '']) => {
      const { reason } = options;
      return operateAuthority(cli, options, {
        command: 'override',
        key: parseRolledKey(key),
        reason,
        ...dryRunOf(options),
      });
    },
  });
}
