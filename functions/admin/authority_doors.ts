/** The authority's door for administrators: how far its keys have rolled over, and what they may have done about it. */
import { type AuthorityOutcome, PATHS } from '@postern/api';
import type { Context } from 'hono';
import type { Administrator, VerifyAdministrator } from '../door/administrator.ts';
import type { Door, DoorRefusal } from '../door/door.ts';
import type { OperateAuthority } from '../rotate/authority_commands.ts';
import { commandOf, MAX_AUTHORITY_BYTES } from '../rotate/authority_door.ts';
import { refusedAuthority } from './authority_refusal.ts';

export interface AuthorityDoorPorts {
  readonly verifyAdministrator: VerifyAdministrator;
  readonly operateAuthority: OperateAuthority;
  readonly recordIntent: (action: string, subject: string, by: Administrator) => Promise<void>;
}

export function mountAuthorityDoors(door: Pick<Door, 'administrator'>, ports: AuthorityDoorPorts): void {
  const { verifyAdministrator: verify, operateAuthority } = ports;
  const path = PATHS.admin.authority;

  door.administrator(verify, 'status:read', 'GET', path, 0, async (context, by) =>
    answer(context, 200, await operateAuthority({ command: 'status' }, by.name)),
  );

  door.administrator(verify, 'authority:operate', 'POST', path, MAX_AUTHORITY_BYTES, async (context, by, body) => {
    const command = commandOf(body);
    if (command === undefined)
      return { refused: 'malformed-request', reason: 'command-malformed', detail: 'see docs/rollover.md' };
    const key = 'key' in command ? command.key : 'authority';
    const isDryRun = 'dryRun' in command && command.dryRun === true;
    if (!isDryRun) await ports.recordIntent(`authority-${command.command}`, key, by);
    return answer(context, isDryRun ? 200 : 201, await operateAuthority(command, by.name));
  });
}

function answer(context: Context, status: 200 | 201, outcome: AuthorityOutcome): Response | DoorRefusal {
  if (outcome.ok) return context.json(outcome.answer, status, { 'cache-control': 'no-store' });
  return refusedAuthority(outcome.reason, outcome.detail);
}
