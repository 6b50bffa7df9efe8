/** Has the authority do one thing, by the administrator's door, and shows what became of it. */
import { type AuthorityAnswer, type AuthorityCommand, PATHS } from '@postern/api';
import { type Command, InvalidArgumentError } from 'commander';
import { formatAuthorityAnswer } from './authority_text.ts';
import type { Answer, Cli } from './cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from './control_plane.ts';

export interface AuthorityOptions extends ControlPlaneOptions {
  readonly dryRun?: boolean;
}

export function addAuthorityOptions(command: Command): Command {
  return addControlPlaneOptions(command).option('--dry-run', 'say what would be done, and do nothing');
}

export async function operateAuthority(
  cli: Cli,
  options: ControlPlaneOptions,
  command: AuthorityCommand,
): Promise<Answer> {
  const answer = await connectControlPlane(cli, options).post<AuthorityAnswer>(PATHS.admin.authority, command);
  return { json: answer, text: (paint) => formatAuthorityAnswer(paint, answer) };
}

/** As the member that it becomes: absent where it was not asked for. */
export const dryRunOf = ({ dryRun }: AuthorityOptions) => (dryRun === true ? { dryRun: true } : {});

export function parseRolledKey(text: string): 'root' | 'jwt' {
  if (text === 'root' || text === 'jwt') return text;
  throw new InvalidArgumentError('It is root or jwt.');
}
