/** `postern audit export` */
import { resolve } from 'node:path';
import { PATHS, type StatusAnswer } from '@postern/api';
import type { Command } from 'commander';
import { fetchTrail, TRAIL_FILE, TRUST_FILE } from '../audit_trail.ts';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { printable } from '../terminal_text.ts';
import { writeFiles } from '../write_files.ts';

interface Options extends ControlPlaneOptions {
  readonly out: string;
}

export function addAuditExport(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'export',
    description: 'the whole trail (`trail.json`, who may read it: you) and the keys to verify it with (`trust.json`)',
    examples: [['postern audit export --out export', 'for an auditor, who runs: postern audit verify export']],
    configure: (command) => addControlPlaneOptions(command).requiredOption('--out <dir>', 'folder for both files'),
    async run(cli, { out, ...options }) {
      const controlPlane = connectControlPlane(cli, options);
      const { controlPlane: trust } = await controlPlane.get<StatusAnswer>(PATHS.admin.status);
      const trail = await fetchTrail(controlPlane);
      const folder = resolve(cli.io.folder, out);
      writeFiles(folder, [
        { name: TRUST_FILE, text: `${JSON.stringify(trust, undefined, 2)}\n` },
        // Records name people, devices and what they did.
        { name: TRAIL_FILE, text: `${JSON.stringify(trail)}\n`, isSecret: true },
      ]);
      const counts = { segments: trail.segments.length, producers: trail.producers.length };
      return {
        json: { folder, ...counts },
        text: () => `${printable(folder)}: ${counts.segments} segments of ${counts.producers} producers\n`,
      };
    },
  });
}
