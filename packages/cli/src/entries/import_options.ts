/** What all imports are told. */
import type { Command } from 'commander';

export interface ImportOptions {
  readonly owner: string;
  readonly out?: string;
}

export function addImportOptions(command: Command, owner: string): Command {
  return command
    .option('--owner <name>', 'whose entries these are to `entry apply`', owner)
    .option('--out <file>', 'write the file there; to stdout when absent');
}
