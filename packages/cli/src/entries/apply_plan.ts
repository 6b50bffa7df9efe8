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

/** A call waits for its record to be durable; more at once is no faster, and in the way of others. */
const LANES = 4;

export async function applyPlan({ io }: Cli, controlPlane: ControlPlane, plan: EntryPlan): Promise<Applied> {
  const [created, updated, deleted] = [[] as EntryAnswer[], [] as EntryAnswer[], [] as EntryAnswer[]];
  const refused: RefusedChange[] = [];
  const total = plan.create.length + plan.update.length + plan.delete.length;
  const countDone = () => created.length + updated.length + deleted.length;
  let stopped: unknown;

  async function change(
    of: { readonly spiffeId: string; readonly line?: number },
    into: EntryAnswer[],
    call: () => Promise<EntryAnswer>,
  ): Promise<void> {
    if (stopped !== undefined) return;
    try {
      into.push(await call());
    } catch (fault) {
      const isOfOne = fault instanceof CommandFailure && IS_OF_ONE_ENTRY.has(fault.reason);
      if (isOfOne) refused.push({ ...of, reason: fault.reason, message: fault.message, advice: fault.advice });
      else stopped ??= fault;
    }
    io.progress?.(`${countDone() + refused.length} of ${total}`);
  }

  async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const left = items.values();
    const lane = async () => {
      for (const item of left) await work(item);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    if (stopped instanceof CommandFailure) throw interrupted(stopped, countDone(), total);
    if (stopped !== undefined) throw stopped;
  }

  // Of a workload's identities the oldest is its default (Workload API 8): at one parent, the first in the file.
  await each(groupsOf(plan.create), async (group) => {
    for (const { request, line } of group)
      await change({ spiffeId: request.spiffeId, line }, created, () =>
        controlPlane.post(PATHS.admin.entries, request),
      );
  });
  await each(plan.update, ({ request, line, before }) => {
    const body: UpdateEntryRequest = { ...request, revision: before.revision };
    return change({ spiffeId: request.spiffeId, line }, updated, () =>
      controlPlane.put(PATHS.admin.entry(encodeURIComponent(before.id)), body),
    );
  });
  await each(plan.delete, ({ id, revision, spiffeId }) =>
    change({ spiffeId }, deleted, () =>
      controlPlane.delete(`${PATHS.admin.entry(encodeURIComponent(id))}?revision=${revision}`),
    ),
  );
  io.progress?.('');
  refused.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { created, updated, deleted, refused };
}

/** By parent, each in the order of the file. */
function groupsOf(create: EntryPlan['create']): readonly EntryPlan['create'][] {
  return [...Map.groupBy(create, ({ request }) => request.parentId).values()];
}

function interrupted(fault: CommandFailure, done: number, total: number): CommandFailure {
  const { exit, reason, message, advice, members } = fault;
  const said = `${message}; ${done} of ${total} changes were made before`;
  const further = `${advice}; then run the same command again: it makes those that are left`;
  return new CommandFailure(exit, reason, said, further, { members: { ...members, done, total }, cause: fault });
}
