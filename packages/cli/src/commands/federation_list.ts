/** `postern federation list` */
import { type FederationAnswer, type FederationsAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { formatTable, formatTime } from '../terminal_text.ts';

export function addFederationList(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'list',
    description: 'federated trust domains, and how old their bundles are',
    examples: [['postern federation list --json', 'for a program that watches their age']],
    configure: addControlPlaneOptions,
    async run(cli, options) {
      const answer = await connectControlPlane(cli, options).get<FederationsAnswer>(PATHS.admin.federations);
      return {
        json: answer,
        text: (paint) =>
          formatTable(
            paint,
            ['TRUST DOMAIN', 'PROFILE', 'URL', 'BUNDLE'],
            answer.federations.map((row) => [row.trustDomain, row.profile, row.url, bundleOf(row)]),
            'no federated trust domains',
          ),
      };
    },
  });
}

/** A bundle is written anew when it changes, and when half of its life is over. */
function bundleOf({ bundleObservedAtMs: fetched, bundleExpiresAtMs: expires }: FederationAnswer): string {
  if (fetched === undefined || expires === undefined) return 'none yet';
  return `of ${formatTime(fetched)}, counts until ${formatTime(expires)}`;
}
