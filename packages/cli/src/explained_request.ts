/** The request that is to be explained: one of the tests, a file, a line of recorded inputs, or options. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RecordedInput } from '@postern/policy-engine/replay';
import { type Command, Option } from 'commander';
import type { Cli } from './cli.ts';
import { CommandFailure } from './failure.ts';
import type { LoadedPolicies } from './load_policies.ts';
import { collect, parseDuration, parseNumber } from './option_values.ts';
import { readRecordedInputs } from './recorded_inputs.ts';

export interface RequestOptions {
  readonly test?: string;
  readonly request?: string;
  readonly records?: string;
  readonly line?: number;
  readonly service?: string;
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly at?: string;
  readonly workload?: string;
  readonly assurance?: string;
  readonly sourceIp?: string;
  readonly user?: string;
  readonly issuer?: string;
  readonly group?: readonly string[];
  readonly signedInAgo?: number;
  readonly device?: DeviceState;
}

/** What a source says of the device; `unknown`: the token names one that no source reports on. */
type DeviceState = 'compliant' | 'non-compliant' | 'unknown';

const DEVICES: { readonly [S in DeviceState]: object } = {
  compliant: { compliant: true },
  'non-compliant': { compliant: false },
  unknown: {},
};

const MAX_REQUEST_BYTES = 64 * 1024;
/** Named in messages about options. */
const OPTIONS_FILE = 'the options';

export function addRequestOptions(command: Command): Command {
  return command
    .option('--test <name>', 'the request of a test in the repository')
    .option('--request <file>', 'a request with the keys of a test, in YAML or JSON')
    .option('--records <file>', 'a file of recorded inputs, with --line')
    .option('--line <number>', 'which of them, as `policy replay` names it', parseNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--service <name>', 'or by options: the service that is called')
    .option('--method <method>', 'its method; GET when left out')
    .option('--target <target>', 'its path')
    .option('--host <host>', 'its host; the first of the service when left out')
    .option('--at <instant>', 'such as 2026-01-05T12:00:00Z; now when left out')
    .option('--workload <spiffe-id>', 'the calling workload')
    .option('--assurance <kind>', 'how it is known; `certificate` when left out')
    .option('--source-ip <address>', 'where the call comes from')
    .option('--user <subject>', 'the person behind it')
    .option('--issuer <url>', 'whose token names the person')
    .option('--group <name>', 'a group of the person; may be given more than once', collect)
    .option('--signed-in-ago <duration>', 'when the person signed in', parseDuration)
    .addOption(new Option('--device <state>', 'the person’s device').choices(Object.keys(DEVICES)));
}

/** Exactly one way to name it. */
export async function explainedRequest(
  cli: Cli,
  policies: LoadedPolicies,
  options: RequestOptions,
): Promise<RecordedInput> {
  const { test, request, records, service } = options;
  const ways = [test, request, records, service].filter((way) => way !== undefined).length;
  if (ways !== 1)
    throw usage('request-ambiguous', 'name one request', 'one of --test, --request, --records and --service');
  if (test !== undefined) return ofTest(policies, test);
  if (request !== undefined) return described(policies, request, readRequestFile(cli, request));
  if (records !== undefined) return ofRecord(cli, records, options.line);
  return described(policies, OPTIONS_FILE, JSON.stringify(describedBy(cli, options)));
}

async function ofTest({ loaded, files }: LoadedPolicies, name: string): Promise<RecordedInput> {
  const { recordPolicyTests } = await import('@postern/policy-engine/publish');
  const tests = recordPolicyTests(loaded, files);
  const found = tests.filter((test) => test.name === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.input;
  const message = found.length === 0 ? `no test is named \`${name}\`` : `${found.length} tests are named \`${name}\``;
  throw usage('test-unknown', message, 'see their names: postern policy test DIR', {
    members: { tests: tests.map((test) => test.name) },
  });
}

async function ofRecord(cli: Cli, file: string, line: number | undefined): Promise<RecordedInput> {
  if (line === undefined) throw usage('request-ambiguous', 'which of the records?', 'name it: --line NUMBER');
  let found: RecordedInput | undefined;
  await readRecordedInputs(cli, file, (input, number) => {
    if (number === line) found = input;
  });
  if (found !== undefined) return found;
  throw usage('record-unknown', `there is no record in line ${line}`, 'see its lines: postern policy replay');
}

async function described({ loaded }: LoadedPolicies, file: string, text: string): Promise<RecordedInput> {
  const { formatProblems, readRequest } = await import('@postern/policy-engine/publish');
  const { input, problems } = readRequest(loaded, file, text);
  if (input !== undefined) return input;
  throw usage('request-malformed', 'the request is not described', 'its keys are those of a test: docs/policies.md', {
    members: { problems },
    text: formatProblems(problems, 'text'),
  });
}

function describedBy({ io }: Cli, options: RequestOptions): object {
  const { service, method = 'GET', target = '/', host, workload, assurance, sourceIp, user, device } = options;
  const at = options.at ?? new Date(io.nowMs()).toISOString().replace(/\.\d{3}Z$/, 'Z');
  const { issuer, group: groups, signedInAgo: signedInSecondsAgo } = options;
  return {
    service,
    method,
    target,
    at,
    ...present({ host, workload, assurance, sourceIp }),
    ...(user !== undefined && { user: { subject: user, ...present({ issuer, groups, signedInSecondsAgo }) } }),
    ...(device !== undefined && { device: DEVICES[device] }),
  };
}

function present(members: { readonly [name: string]: unknown }): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function readRequestFile({ io }: Cli, name: string): string {
  const path = resolve(io.folder, name);
  try {
    const file = statSync(path);
    if (!file.isFile() || file.size > MAX_REQUEST_BYTES)
      throw usage(
        'file-unreadable',
        `\`${path}\` is no file of at most ${MAX_REQUEST_BYTES} bytes`,
        'name a file of one request',
      );
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'fault';
    throw usage('file-unreadable', `\`${path}\` cannot be read: ${code}`, 'name a readable file', { cause });
  }
}

function usage(reason: string, message: string, advice: string, more = {}): CommandFailure {
  return new CommandFailure('usage', reason, message, advice, more);
}
