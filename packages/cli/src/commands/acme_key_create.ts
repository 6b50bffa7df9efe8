/** `postern acme key create` */
import { type CreateAcmeKeyRequest, type CreatedAcmeKeyAnswer, PATHS } from '@postern/api';
import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { parseDuration } from '../option_values.ts';
import { formatFields, formatTime, printable } from '../terminal_text.ts';

interface Options extends ControlPlaneOptions {
  readonly entry: string;
  readonly ttl?: number;
}

const MIN_TTL_SECONDS = 60;
const MAX_TTL_SECONDS = 30 * 86_400;

function parseKeyTtl(text: string): number {
  const seconds = parseDuration(text);
  if (seconds < MIN_TTL_SECONDS || seconds > MAX_TTL_SECONDS)
    throw new InvalidArgumentError('An account can be made with a key for 1m to 30d.');
  return seconds;
}

export function addAcmeKeyCreate(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'create',
    description: 'a key with which one ACME client makes its account for a registration entry; shown once',
    examples: [
      ['postern acme key create --entry 0190…', 'with commands for lego, certbot and dehydrated'],
      ['postern acme key create --entry 0190… --ttl 10m --json', 'for a program that starts the client'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .requiredOption('--entry <id>', 'registration entry whose DNS names the account can order, see: entry list')
        .option('--ttl <duration>', 'how long an account can be made with it, up to 30d; 1d when absent', parseKeyTtl),
    async run(cli, { entry: entryId, ttl: ttlSeconds, ...options }) {
      const request: CreateAcmeKeyRequest = { entryId, ...(ttlSeconds !== undefined && { ttlSeconds }) };
      const created = await connectControlPlane(cli, options).post<CreatedAcmeKeyAnswer>(PATHS.admin.acmeKeys, request);
      return {
        json: created,
        text: (paint) =>
          `${formatFields(paint, [
            ['key id', created.id],
            ['HMAC key', created.hmacKey],
            ['directory', created.directory],
            ['for', `${created.spiffeId}: ${created.dnsNames.join(' ')}`],
            [
              'certificates',
              created.isSvid ? 'SVIDs: the SPIFFE ID and the DNS names' : 'of a server: the DNS names alone',
            ],
            ['one account, until', formatTime(created.usableUntilMs)],
          ])}\n${commandsFor(created)}`,
      };
    },
  });
}

/** Ready to run where port 80 of the names is. A key may begin with a hyphen, and is then no option of its own. */
function commandsFor({ id, hmacKey, directory, dnsNames }: CreatedAcmeKeyAnswer): string {
  const names = dnsNames.map(printable);
  const [key, secret, server] = [printable(id), printable(hmacKey), printable(directory)];
  return [
    `lego --server ${server} --eab --kid ${key} --hmac=${secret} \\`,
    `    --accept-tos --email you@example.org --http ${names.map((name) => `--domains ${name}`).join(' ')} run`,
    `certbot certonly --standalone --server ${server} \\`,
    `    --eab-kid ${key} --eab-hmac-key=${secret} --agree-tos -m you@example.org ${names.map((name) => `-d ${name}`).join(' ')}`,
    `# dehydrated, in its configuration; then: dehydrated --register --accept-terms`,
    `CA="${server}" EAB_KID="${key}" EAB_HMAC_KEY="${secret}"`,
    '',
  ].join('\n');
}
