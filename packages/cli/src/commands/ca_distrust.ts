/** `postern ca distrust` */
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
import { parseNumber } from '../option_values.ts';

interface Options extends AuthorityOptions {
  readonly reason: string;
}

export function addCaDistrust(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'distrust',
    description:
      'take a key out of the trust bundle at once, for good: whatever it signed counts no more, and its workloads are without an identity until they have another',
    examples: [
      [
        'postern ca distrust root 3 --reason "its key was exported" --dry-run',
        'whether it could be done; the one that signs needs a published successor first',
      ],
      ['postern ca distrust jwt 1 --reason "tokens in a log"', 'no token by this key is believed any more'],
    ],
    configure: (command) =>
      addAuthorityOptions(command)
        .argument('<key>', 'root or jwt', parseRolledKey)
        .argument('<number>', 'which one, as `ca status` numbers them', parseNumber(1, 9999))
        .requiredOption('--reason <text>', 'why; goes to the record'),
    run: (cli, options, [key = '', number]) => {
      const { reason } = options;
      return operateAuthority(cli, options, {
        command: 'distrust',
        key: parseRolledKey(key),
        generation: Number(number),
        reason,
        ...dryRunOf(options),
      });
    },
  });
}
