/** `postern audit verify` */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Jwk, PATHS, type StatusAnswer } from '@postern/api';
import type { TrailExport, TrailReport } from '@postern/audit';
import type { Command } from 'commander';
import { exportedTrust, fetchTrail, loadAssertionKeys, loadTrail } from '../audit_trail.ts';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { formatFindings } from '../findings_text.ts';
import type { Paint } from '../terminal_text.ts';

interface Options extends ControlPlaneOptions {
  readonly trust?: string;
  readonly verbose?: true;
}

/** What a verdict rests on. Only `pinned` keys speak for more than that the trail agrees with itself. */
const KEY_SOURCES = {
  pinned: 'keys from the file you named',
  'control-plane': 'keys from the control plane itself: pin them with --trust to be independent of it',
  export: 'keys from the export itself: pin them with --trust to be independent of whoever made it',
} as const;

type KeySource = keyof typeof KEY_SOURCES;

export function addAuditVerify(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'verify [dir]',
    description:
      'find changed, removed, reordered and never delivered records; here, with pinned keys, trusting nobody',
    examples: [
      ['postern audit verify export --trust trust.json', 'an export, offline, with keys kept since the beginning'],
      ['postern audit verify --trust trust.json', 'the trail of the running control plane'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .option('--trust <file>', 'pinned keys: `trust.json` of an earlier export, or a saved `status --json`')
        .option('--verbose', 'every finding, also where many say the same, as --json does'),
    async run(cli, options, [dir]) {
      const { trail, keys, keySource } =
        dir === undefined ? await fromControlPlane(cli, options) : fromExport(cli, options, dir);
      const { isStatement, verifyTrail } = await import('@postern/audit');
      const report = verifyTrail(trail, keys);
      return {
        json: { ...report, keySource },
        exit: report.ok ? 'ok' : 'refused',
        text: (paint) =>
          formatFindings(paint, report.findings, { isStatement, isVerbose: options.verbose === true }) +
          formatVerdict(paint, report, keySource),
      };
    },
  });
}

interface Evidence {
  readonly trail: TrailExport;
  readonly keys: readonly Jwk[];
  readonly keySource: KeySource;
}

async function fromControlPlane(cli: Cli, { trust, ...options }: Options): Promise<Evidence> {
  const pinned = trust === undefined ? undefined : loadAssertionKeys(cli, trust);
  const controlPlane = connectControlPlane(cli, options);
  const keys = pinned ?? (await controlPlane.get<StatusAnswer>(PATHS.admin.status)).controlPlane.assertionKeys;
  return { trail: await fetchTrail(controlPlane), keys, keySource: pinned === undefined ? 'control-plane' : 'pinned' };
}

function fromExport(cli: Cli, { trust }: Options, dir: string): Evidence {
  const trail = loadTrail(cli, dir);
  if (trust !== undefined) return { trail, keys: loadAssertionKeys(cli, trust), keySource: 'pinned' };
  const own = exportedTrust(dir);
  if (!existsSync(resolve(cli.io.folder, own)))
    throw new CommandFailure(
      'usage',
      'trust-missing',
      `there are no keys in \`${dir}\``,
      'name a file of pinned keys: --trust FILE',
    );
  return { trail, keys: loadAssertionKeys(cli, own), keySource: 'export' };
}

function formatVerdict(paint: Paint, report: TrailReport, keySource: KeySource): string {
  const verdict = report.ok ? paint('green', 'the trail is whole') : paint('red', 'the trail does not hold');
  const counts = `${report.records} records in ${report.segments} segments of ${report.producers} producers`;
  return `${verdict}: ${counts}\n${paint('dim', KEY_SOURCES[keySource])}\n`;
}
