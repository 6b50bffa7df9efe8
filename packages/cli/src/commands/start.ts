/** `postern start` */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { createLog } from '../log_lines.ts';
import { collect, parseNumber } from '../option_values.ts';
import { explainStartFault } from '../start_fault.ts';
import { formatFields } from '../terminal_text.ts';

interface Options {
  readonly dir: string;
  readonly trustDomain: string;
  readonly port: number;
  readonly authorizePort?: number;
  readonly outboundRanges?: string;
  readonly acmeUrl?: string;
  readonly acmeAllowRange?: readonly string[];
}

const MAX_PORT = 65_535;

export function addStartCommand(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'start',
    description:
      'the whole control plane in one process, for trying, developing and single-machine use; Ctrl-C ends it',
    examples: [
      ['postern start', 'state below .postern, made on the first start'],
      ['postern start --dir /var/lib/postern --trust-domain prod.example.com', 'another folder and trust domain'],
    ],
    configure: (command) =>
      command
        .option('--dir <dir>', 'folder of all state', '.postern')
        .option('--trust-domain <name>', 'fixed by the first start in a folder', 'demo.test')
        .option(
          '--port <port>',
          'of the public and administrative doors, on 127.0.0.1; 0 for any',
          parseNumber(0, MAX_PORT),
          8440,
        )
        .option(
          '--authorize-port <port>',
          'of HTTP ext_authz with mTLS; 0 for any; the one after --port when absent',
          parseNumber(0, MAX_PORT),
        )
        .option(
          '--outbound-ranges <ranges>',
          'private networks where token issuers and federated endpoints may be, as 10.1.0.0/16,fd00:1::/48; else POSTERN_OUTBOUND_RANGES',
        )
        .option(
          '--acme-url <origin>',
          'https origin that ACME clients are led to, of a front door with TLS before this one; many clients refuse plain HTTP',
        )
        .option(
          '--acme-allow-range <cidr>',
          'private addresses that ACME challenges may be fetched from, such as 10.0.0.0/8; repeatable. None when absent: only the public internet',
          collect,
        ),
    async run(cli, options) {
      const interrupted = cli.io.interrupted();
      const controlPlane = await startControlPlane(cli, options);
      const { url, authorizeUrl, administratorTokenFile, postureSecretFile } = controlPlane;
      cli.print({
        isLine: true,
        json: {
          event: 'ready',
          url,
          authorizeUrl,
          trustDomain: options.trustDomain,
          administratorTokenFile,
          postureSecretFile,
        },
        text: (paint) =>
          `${paint('green', 'Postern is ready')}: embedded store, software keys, one machine\n${formatFields(paint, [
            ['url', url],
            ['authorize', authorizeUrl],
            ['trust domain', options.trustDomain],
            ['administrator token', administratorTokenFile],
            ['posture webhook secret', postureSecretFile],
          ])}`,
      });
      await aborted(interrupted);
      await controlPlane.stop();
      return undefined;
    },
  });
}

async function startControlPlane(cli: Cli, { trustDomain, port, ...options }: Options) {
  const dir = resolve(cli.io.folder, options.dir);
  const authorizePort = options.authorizePort ?? (port === 0 || port === MAX_PORT ? 0 : port + 1);
  const [{ startLocal }, { parseOutboundRanges }] = await Promise.all([
    import('@postern/functions/local'),
    import('@postern/functions/outbound'),
  ]);
  const text = options.outboundRanges ?? cli.io.environment['POSTERN_OUTBOUND_RANGES'] ?? '';
  const outboundRanges = parseOutboundRanges(text);
  if (outboundRanges === undefined) {
    const message = `\`${text.slice(0, 100)}\` is no list of ranges, as in 10.1.0.0/16,fd00:1::/48`;
    throw new CommandFailure('usage', 'option-value', message, 'see: postern start --help');
  }
  try {
    return await startLocal({
      dir,
      trustDomain,
      port,
      authorizePort,
      outboundRanges,
      ...(options.acmeUrl !== undefined && { acmeUrl: options.acmeUrl }),
      ...(options.acmeAllowRange !== undefined && { acmeAllowedRanges: options.acmeAllowRange }),
      log: createLog(cli),
    });
  } catch (cause) {
    const known = explainStartFault(cause, dir, '--port, --authorize-port');
    if (known !== undefined) throw new CommandFailure(known.exit, known.reason, known.message, known.advice, { cause });
    const { message } = cause as Error;
    if (cause instanceof RangeError)
      throw new CommandFailure('usage', 'option-value', message, 'see: postern start --help', { cause });
    const advice = `look at \`${dir}\`, or start with another folder: --dir`;
    throw new CommandFailure('internal', 'start-failed', message, advice, { cause });
  }
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
