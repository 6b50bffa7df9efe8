/** The door by which `admin`, and no other function, has the authority moved: for an administrator whom it has authenticated. */
import { type AuthorityCommand, PATHS } from '@postern/api';
import type { TrustDomain } from '@postern/spiffe';
import type { Door, IdentifyFunction } from '../door/door.ts';
import { checkShape, flag, integer, listOf, optional, text } from '../door/shape.ts';
import type { OperateAuthority } from './authority_commands.ts';
import { mayOperateAuthority } from './entitlement.ts';

export interface AuthorityDoorPorts {
  readonly identify: IdentifyFunction;
  readonly trustDomain: TrustDomain;
  readonly operateAuthority: OperateAuthority;
}

/** Three certificates of a company's authority, as base64. */
export const MAX_AUTHORITY_BYTES = 64 * 1024;

const isKey = (value: unknown): value is 'root' | 'jwt' => value === 'root' || value === 'jwt';
const dryRun = optional(flag);
/** For whoever reads the record: blanks say nothing. */
const reason = (value: unknown): value is string => text(256)(value) && /\S/.test(value);
const certificate = text(16 * 1024);

/** One row for each command: what it takes besides its name. */
const SHAPES = {
  status: {},
  prepare: { key: isKey, dryRun },
  advance: { dryRun },
  override: { key: isKey, reason, dryRun },
  distrust: { key: isKey, generation: integer(1, 9999), reason, dryRun },
  request: {},
  install: { certificates: listOf(certificate, 3), dryRun },
  'add-anchor': { certificate, dryRun },
  'remove-anchor': { digest: text(64), dryRun },
} as const;

/** `undefined`: not a command, or not with what it takes. `body`: untrusted. */
export function commandOf(body: { readonly [member: string]: unknown }): AuthorityCommand | undefined {
  const { command, ...members } = body;
  if (typeof command !== 'string' || !Object.hasOwn(SHAPES, command)) return undefined;
  const shape = SHAPES[command as keyof typeof SHAPES];
  return checkShape(members, shape).ok ? ({ command, ...members } as AuthorityCommand) : undefined;
}

export function mountAuthorityDoor(door: Pick<Door, 'function'>, ports: AuthorityDoorPorts): void {
  const { identify, operateAuthority } = ports;
  door.function(identify, 'POST', PATHS.keys.authority, MAX_AUTHORITY_BYTES, async (context, caller, body) => {
    const { by, ...rest } = body;
    if (!mayOperateAuthority(caller)) return { refused: 'not-permitted', reason: 'authority-of-another-function' };
    const command = commandOf(rest);
    if (command === undefined || !text(2048)(by)) return { refused: 'malformed-request', reason: 'command-malformed' };
    return context.json(await operateAuthority(command, by), 201);
  });
}
