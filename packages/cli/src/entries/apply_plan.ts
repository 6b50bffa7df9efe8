/**
 * Makes the changes of a plan, one call each. New entries come first and those that go come last, so that no workload is
 * without its identity in between. Run again after a failure, what is done already is no change any more.
 */
import { type EntryAnswer, PATHS, type UpdateEntryRequest } from '@postern/api';
import type { Cli } from '../cli.ts';
import type { ControlPlane } from '../control_plane.ts';
import { CommandFailure } from '../failure.ts';
import type { EntryPlan } from './entry_plan.ts';

export interface RefusedChange {
  readonly spiffeId: string;
  /** In the file; absent for an entry that is not there any more. */
  readonly line?: number;
  readonly reason: string;
  readonly message: string;
  readonly advice: string;
}

export interface Applied {
  readonly created: readonly EntryAnswer[];
  readonly updated: readonly EntryAnswer[];
  readonly deleted: readonly EntryAnswer[];
  readonly refused: readonly RefusedChange[];
}

/** One refused entry is no reason to leave out the others; an answer that every next call would get as well is. */
const IS_OF_ONE_ENTRY = new Set(['malformed-request', 'conflict', 'not-found', 'not-permitted']);

export async function applyPlan({ io }: Cli, controlPlane: ControlPlane, plan: EntryPlan): Promise<Applied> {
  const [created, updated, deleted] = [[] as EntryAnswer[], [] as EntryAnswer[], [] as EntryAnswer[]];
  const refused: RefusedChange[] = [];
  const total = plan.create.length + plan.update.length + plan.delete.length;

  async function change(
    of: { readonly spiffeId: string; readonly line?: number },
    into: EntryAnswer[],
    call: () => Promise<EntryAnswer>,
  ): Promise<void> {
    const done = created.length + updated.length + deleted.length;
    try {
      into.push(await call());
    } catch (fault) {
      if (!(fault instanceof CommandFailure)) throw fault;
      const { reason, message, advice } = fault;
      if (!IS_OF_ONE_ENTRY.has(reason)) throw interrupted(fault, done, total);
      refused.push({ ...of, reason, message, advice });
    }
    io.progress?.(`${done + refused.length} of ${total}`);
  }

  for (const { request, line } of plan.create)
    await change({ spiffeId: request.spiffeId, line }, created, () => controlPlane.post(PATHS.admin.entries, request));
  for (const { request, line, before } of plan.update) {
    const body: UpdateEntryRequest = { ...request, revision: before.revision };
    await change({ spiffeId: request.spiffeId, line }, updated, () =>
      controlPlane.put(PATHS.admin.entry(encodeURIComponent(before.id)), body),
    );
  }
  for (const { id, revision, spiffeId } of plan.delete)
    await change({ spiffeId }, deleted, () =>
      controlPlane.delete(`${PATHS.admin.entry(encodeURIComponent(id))}?revision=${revision}`),
    );
  io.progress?.('');
  return { created, updated, deleted, refused };
}

function interrupted(fault: CommandFailure, done: number, total: number): CommandFailure {
  const { exit, reason, message, advice, members } = fault;
  const said = `${message}; ${done} of ${total} changes were made before`;
  const further = `${advice}; then run the same command again: it makes those that are left`;
  return new CommandFailure(exit, reason, said, further, { members: { ...members, done, total }, cause: fault });
}
