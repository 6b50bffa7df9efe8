/** `postern entry update` */
import { type EntryAnswer, PATHS, type UpdateEntryRequest } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { formatEntry } from '../entry_text.ts';
import { CommandFailure } from '../failure.ts';
import { collect, parseDuration, parseNumber } from '../option_values.ts';

interface Options extends ControlPlaneOptions {
  readonly spiffeId?: string;
  readonly parent?: string;
  readonly selector?: readonly string[];
  readonly dnsName?: readonly string[];
  readonly federatesWith?: readonly string[];
  readonly ttl?: number;
  readonly jwtTtl?: number;
  readonly hint?: string;
  readonly profile?: string;
  readonly expiresIn?: number;
  readonly without?: readonly Optional[];
  readonly revision?: number;
}

/** What an entry may be without, by the option that gives it. */
const MEMBERS = {
  'dns-name': 'dnsNames',
  'federates-with': 'federatesWith',
  ttl: 'ttlSeconds',
  'jwt-ttl': 'jwtTtlSeconds',
  hint: 'hint',
  profile: 'profile',
  'expires-in': 'expiresAtMs',
  owner: 'owner',
} as const satisfies { readonly [option: string]: keyof UpdateEntryRequest };
type Optional = keyof typeof MEMBERS;

export function addEntryUpdate(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'update <id>',
    description: 'change an entry; what no option names stays, and certificates in use live until they are renewed',
    examples: [
      ['postern entry update 0198c0de-0000-7000-8000-000000000000 --ttl 1h', 'shorter certificates from now on'],
      ['postern entry update 0198c0de-0000-7000-8000-000000000000 --without ttl --without hint', 'the default again'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .option('--spiffe-id <id>', 'SPIFFE ID that the workload gets')
        .option('--parent <id>', 'SPIFFE ID of its agent or attestor')
        .option('--selector <selector>', 'in place of all that there are; repeatable', collect)
        .option('--dns-name <name>', 'in place of all that there are; repeatable', collect)
        .option('--federates-with <trust-domain>', 'in place of all that there are; repeatable', collect)
        .option('--ttl <duration>', 'life of its certificates, such as 1h', parseDuration)
        .option('--jwt-ttl <duration>', 'life of its tokens, 1m to 1h', parseDuration)
        .option('--hint <text>', 'tells identities of one workload apart')
        .option('--profile <name>', 'what its certificates are issued by')
        .option('--expires-in <duration>', 'the entry ends by itself, such as 30d', parseDuration)
        .option('--without <option>', `takes out: ${Object.keys(MEMBERS).join(', ')}; repeatable`, collect)
        .option('--revision <number>', 'only while it is still this one', parseNumber(1, Number.MAX_SAFE_INTEGER)),
    async run(cli, options, [id = '']) {
      const path = PATHS.admin.entry(encodeURIComponent(id));
      const controlPlane = connectControlPlane(cli, options);
      const changes = changesOf(options, cli.io.nowMs());
      const {
        id: _id,
        createdAtMs: _createdAtMs,
        updatedAtMs: _updatedAtMs,
        ...before
      } = await controlPlane.get<EntryAnswer>(path);
      const hint = before.hint === '' ? undefined : before.hint;
      const { revision = before.revision } = options;
      const body: UpdateEntryRequest = { ...before, hint, ...changes, revision };
      const entry = await controlPlane.put<EntryAnswer>(path, body);
      return { json: entry, text: (paint) => formatEntry(paint, entry) };
    },
  });
}

function changesOf(options: Options, nowMs: number): Partial<UpdateEntryRequest> {
  const { spiffeId, parent, selector, dnsName, federatesWith, ttl, jwtTtl, hint, profile, expiresIn } = options;
  const given = {
    spiffeId,
    parentId: parent,
    selectors: selector,
    dnsNames: dnsName,
    federatesWith,
    ttlSeconds: ttl,
    jwtTtlSeconds: jwtTtl,
    hint,
    profile,
    expiresAtMs: expiresIn === undefined ? undefined : nowMs + expiresIn * 1000,
  };
  const changes: { [member: string]: unknown } = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  for (const option of options.without ?? []) {
    const member = Object.hasOwn(MEMBERS, option) ? MEMBERS[option] : undefined;
    if (member === undefined || Object.hasOwn(changes, member))
      throw new CommandFailure(
        'usage',
        'option-value',
        `--without takes no \`${String(option).slice(0, 64)}\`${member === undefined ? '' : ', which is given too'}`,
        `it takes: ${Object.keys(MEMBERS).join(', ')}`,
      );
    changes[member] = undefined;
  }
  if (Object.keys(changes).length === 0)
    throw new CommandFailure('usage', 'command-line', 'nothing is to change', 'postern entry update --help');
  return changes;
}
