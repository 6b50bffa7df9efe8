/** The request that is to be explained: one of the tests, a file, a line of recorded inputs, or options. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RecordedInput } from '@postern/policy-engine/replay';
import type { Cli } from './cli.ts';
import { CommandFailure } from './failure.ts';
import type { LoadedPolicies } from './load_policies.ts';
import { readRecordedInputs } from './recorded_inputs.ts';
import { checkTogether, describedBy, type RequestOptions } from './request_options.ts';

const MAX_REQUEST_BYTES = 64 * 1024;
/** Named in messages about options. */
const OPTIONS_FILE = 'the options';

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
  checkTogether(options);
  if (test !== undefined) return ofTest(policies, test);
  if (request !== undefined) return described(cli, policies, request, readRequestFile(cli, request));
  if (records !== undefined) return ofRecord(cli, records, options.line);
  return described(cli, policies, OPTIONS_FILE, JSON.stringify(describedBy(options)));
}

async function ofTest({ loaded, files }: LoadedPolicies, name: string): Promise<RecordedInput> {
  const { didYouMean, formatProblems, recordPolicyTests } = await import('@postern/policy-engine/publish');
  const { tests, problems } = recordPolicyTests(loaded, files);
  const found = tests.filter((test) => test.name === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.input;
  const near = didYouMean(
    name,
    tests.map((test) => test.name),
  );
  const message =
    found.length === 0 ? `no test is named \`${name}\`${near}` : `${found.length} tests are named \`${name}\``;
  throw usage('test-unknown', message, 'see their names: postern policy test DIR', {
    members: { tests: tests.map((test) => test.name), problems },
    text: formatProblems(problems, 'text'),
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

async function described({ io }: Cli, { loaded }: LoadedPolicies, file: string, text: string): Promise<RecordedInput> {
  const { formatProblems, readRequest } = await import('@postern/policy-engine/publish');
  const { input, problems } = readRequest(loaded, file, text, io.nowMs());
  if (input !== undefined) return input;
  throw usage('request-malformed', 'the request is not described', 'its keys are those of a test: docs/policies.md', {
    members: { problems },
    text: formatProblems(problems, 'text'),
  });
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
