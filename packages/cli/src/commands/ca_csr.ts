/** `postern ca csr` */
import { basename, dirname, resolve } from 'node:path';
import { type AuthorityAnswer, PATHS } from '@postern/api';
import { encodePem } from '@postern/der';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { writeFiles } from '../write_files.ts';

interface Options extends ControlPlaneOptions {
  readonly out?: string;
}

export function addCaCsr(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'csr',
    description:
      'ask for a place below a company’s own root: a certification request for the root’s next key, which is made for it and does nothing yet',
    examples: [
      ['postern ca csr --out postern.csr', 'for the company’s authority to sign; asked again it is the same key'],
      ['postern ca csr | openssl req -noout -text', 'what is asked for'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command).option('--out <file>', 'where the request goes, as PEM; else stdout'),
    async run(cli, { out, ...options }) {
      const answer = await connectControlPlane(cli, options).post<AuthorityAnswer>(PATHS.admin.authority, {
        command: 'request',
      });
      if (answer.csr === undefined)
        throw new CommandFailure('unavailable', 'answer-malformed', 'the answer has no request in it', 'check --url');
      const pem = encodePem('CERTIFICATE REQUEST', Uint8Array.from(Buffer.from(answer.csr, 'base64')));
      if (out === undefined) return { json: { csr: pem }, text: () => pem };
      const path = resolve(cli.io.folder, out);
      writeFiles(dirname(path), [{ name: basename(path), text: pem }]);
      return {
        json: { csr: pem, file: path },
        text: () =>
          `wrote ${path}\nhave the company’s authority sign it (path length 1 or more), then: postern ca import-chain CHAIN.pem\n`,
      };
    },
  });
}
