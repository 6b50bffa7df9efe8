/** `postern entry apply` */
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import type { EntryPlan } from '../entries/entry_plan.ts';
import { CommandFailure } from '../failure.ts';

interface Options extends ControlPlaneOptions {
  readonly file: string;
  readonly owner?: string;
  readonly prune?: true;
  readonly adopt?: true;
  readonly dryRun?: true;
  readonly exitCode?: true;
}

export function addEntryApply(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'apply',
    description: 'make the entries of a file those of the control plane; again, it does nothing',
    examples: [
      ['postern entry apply -f entries.yaml --dry-run', 'what would change, as a diff'],
      ['postern entry apply -f entries.yaml --dry-run --exit-code --prune', 'for CI: exit code 7 when something would'],
      ['postern entry apply -f entries.yaml --prune', 'and delete those of its owner that are not in it any more'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .requiredOption('-f, --file <file>', 'YAML or JSON: `owner` and `entries`, see docs/entries.md')
        .option('--owner <name>', 'whose entries these are, where the file does not say')
        .option('--prune', 'delete entries of this owner that are not in the file; no others')
        .option('--adopt', 'take over entries that are there already, entered by hand or of another owner')
        .option('--dry-run', 'show what would change, and change nothing')
        .option('--exit-code', 'with --dry-run: exit code 7 when there are changes'),
    run: apply,
  });
}

async function apply(cli: Cli, options: Options): Promise<Answer> {
  const { file, owner, dryRun = false, prune = false, adopt = false, exitCode = false } = options;
  if (exitCode && !dryRun)
    throw new CommandFailure(
      'usage',
      'command-line',
      '--exit-code goes with --dry-run',
      'add --dry-run, or leave it out',
    );
  // Whoever asks for another command does not wait for YAML and certificates to be loaded.
  const { readEntryFile } = await import('../entries/entry_file.ts');
  const { isEmptyPlan, planEntries } = await import('../entries/entry_plan.ts');
  const { fetchAllEntries } = await import('../entries/entry_pages.ts');
  const { applyPlan } = await import('../entries/apply_plan.ts');
  const { formatCounts, formatPlan, formatRefused } = await import('../entries/plan_text.ts');

  const wanted = readEntryFile(cli, file, owner);
  const controlPlane = connectControlPlane(cli, options);
  const plan = planEntries(wanted, await fetchAllEntries(cli, controlPlane), { prune, adopt });
  const said = { owner: wanted.owner, unchanged: plan.unchanged, kept: plan.kept, conflicts: plan.conflicts };
  const hasConflicts = plan.conflicts.length > 0;
  if (dryRun)
    return {
      json: { dryRun, ...said, ...plannedOf(plan) },
      exit: hasConflicts ? 'refused' : exitCode && !isEmptyPlan(plan) ? 'changes' : 'ok',
      text: (paint) => formatPlan(paint, file, plan) + formatCounts(plan, ['to create', 'to change', 'to delete']),
    };
  const applied = await applyPlan(cli, controlPlane, plan);
  const { created, updated, deleted, refused } = applied;
  return {
    json: { dryRun, ...said, ...applied },
    exit: hasConflicts || refused.length > 0 ? 'refused' : 'ok',
    text(paint) {
      const counts = `${created.length} created, ${updated.length} changed, ${deleted.length} deleted`;
      const summary = `${counts}, ${plan.unchanged} as they are\n`;
      return formatPlan(paint, file, plan) + formatRefused(paint, file, applied) + summary;
    },
  };
}

/** What would be done, for programs. */
function plannedOf({ create, update, delete: gone }: EntryPlan) {
  return { create, update: update.map(({ before, ...change }) => ({ id: before.id, ...change })), delete: gone };
}
