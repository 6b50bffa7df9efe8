/** The command line against a deployed control plane: who it is by signature, and where each call goes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TEST_CREDENTIALS } from '@postern/agent/testing';
import { createProblem, PROBLEM_MEDIA_TYPE, type ProblemCode } from '@postern/api';
import { ROUTES } from '@postern/functions/routes';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { doorOf } from './control_plane/deployed_doors.ts';
import { EXIT_CODES, type ExitName } from './exit_codes.ts';
import { type DeployedControlPlane, STACK, startDeployedControlPlane } from './testing/deployed_control_plane.ts';

const POLICIES = join(import.meta.dirname, '../../../examples/demo/policies');
let deployed: DeployedControlPlane;

beforeAll(async () => {
  deployed = await startDeployedControlPlane();
});
afterAll(() => deployed?.stop());
beforeEach(() => showCredentials(TEST_CREDENTIALS));
afterEach(() => vi.unstubAllEnvs());

/** Nothing else of this machine may answer in their place. */
function showCredentials(credentials: Partial<{ readonly [C in keyof typeof TEST_CREDENTIALS]: string }>): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', credentials.sessionToken);
  vi.stubEnv('AWS_PROFILE', undefined);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
}

const DEPLOYED = ['--deployment', 'outputs.json'];
const write = (name: string, value: unknown) =>
  writeFileSync(join(deployed.folder, name), typeof value === 'string' ? value : JSON.stringify(value));

async function run<T = object>(...args: string[]): Promise<T> {
  const ended = await deployed.run([...args, ...DEPLOYED, '--json']);
  expect(ended, ended.err).toMatchObject({ code: 0 });
  return JSON.parse(ended.out) as T;
}

describe('each call goes to the function that answers it, signed', () => {
  type Row = [words: string[], calls: string[]];
  const ENTRY = [
    '--spiffe-id',
    'spiffe://demo.test/a',
    '--parent',
    'spiffe://demo.test/postern/agent/n',
    '--selector',
    'unix:uid:1',
  ];
  const rows: Row[] = [
    [['status'], ['AdminUrl GET /v1/admin/status']],
    [['policy', 'publish', POLICIES], ['PublishUrl POST /v1/admin/releases']],
    [['policy', 'rollback', '1'], ['PublishUrl POST /v1/admin/releases/rollback']],
    [['policy', 'list'], ['PublishUrl GET /v1/admin/releases']],
    [['entry', 'create', ...ENTRY], ['AdminUrl POST /v1/admin/entries']],
    [['entry', 'list'], ['AdminUrl GET /v1/admin/entries?limit=100']],
    [['token', 'create', '--agent', 'node-1'], ['AdminUrl POST /v1/admin/join-tokens']],
    [['revoke', 'device:lost', '--reason', 'stolen & gone'], ['AdminUrl POST /v1/admin/revocations']],
    [
      ['audit', 'list', '--limit', '1', '--party', 'spiffe://demo.test/a b+c'],
      ['AuditUrl GET /v1/admin/audit/records?party=spiffe%3A%2F%2Fdemo.test%2Fa%20b%2Bc&limit=1'],
    ],
    [
      ['audit', 'verify'],
      ['AdminUrl GET /v1/admin/status', 'AuditUrl GET /v1/admin/audit/trail?after=0'],
    ],
  ];
  test.each(rows)('%s', async (words, calls) => {
    const before = deployed.calls.length;
    await run(...words);
    expect(deployed.calls.slice(before, before + calls.length)).toEqual(calls);
    expect(deployed.refusals()).toEqual([]);
  });

  test('a record by its id', async () => {
    const { records } = await run<{ records: { id: string }[] }>('audit', 'list', '--limit', '1');
    const id = records[0]?.id ?? '';
    expect(await run('audit', 'show', id)).toMatchObject({ id });
    expect(deployed.calls.at(-1)).toBe(`AuditUrl GET /v1/admin/audit/records/${id}`);
  });

  test.each([
    ['admin', 'AdminUrl'],
    ['publish', 'PublishUrl'],
    ['audit', 'AuditUrl'],
  ] as const)('as the deployment routes: %s', (name, door) => {
    const paths = ROUTES[name].map((route) => route.replace(/^\S+ /, '').replace(/:\w+/g, 'x'));
    expect(paths.length).toBeGreaterThan(2);
    for (const path of paths) expect(doorOf(path), path).toBe(door);
    expect(doorOf('/v1/admin/releasesx')).toBe('AdminUrl');
  });

  test('status says where it went', async () => {
    const url = deployed.outputs['AdminUrl']?.replace(/\/$/, '');
    expect(await run('status')).toMatchObject({ url, deployment: { stack: STACK, region: 'eu-central-1' } });
    const { out } = await deployed.run(['status'], { POSTERN_DEPLOYMENT: 'outputs.json' });
    expect(out).toContain(`${url}\n`);
    expect(out).toContain(`${STACK} in eu-central-1\n`);
  });

  test('what the command line says comes before the environment', async () => {
    write('other-token', 'A'.repeat(43));
    const words = ['status', '--url', 'http://127.0.0.1:1', '--token-file', '/dev/null', '--json'];
    const ended = await deployed.run(words, { POSTERN_DEPLOYMENT: 'outputs.json' });
    expect(JSON.parse(ended.out).error).toMatchObject({ reason: 'secret-file-kind' });
    const other = await deployed.run(['status', ...DEPLOYED], { POSTERN_URL: 'http://127.0.0.1:1' });
    expect(other, other.err).toMatchObject({ code: 0 });
  });
});

describe('a failure says what to do', () => {
  async function failing(
    args: readonly string[],
    environment?: { readonly [name: string]: string },
  ): Promise<{
    readonly reason: string;
    readonly exitCode: number;
    readonly message: string;
    readonly advice: string;
  }> {
    const ended = await deployed.run([...args, '--json'], environment);
    expect(ended.err).toMatch(/^error: [^\n]+\ntry: [^\n]+\n$/);
    expect(ended.out + ended.err).not.toContain(TEST_CREDENTIALS.secretAccessKey);
    expect(ended.out + ended.err).not.toContain(TEST_CREDENTIALS.sessionToken);
    const { error } = JSON.parse(ended.out);
    expect(ended.code).toBe(error.exitCode);
    return error;
  }
  const codeOf = (exit: ExitName) => EXIT_CODES[exit].code;

  test('without credentials, and sends nothing', async () => {
    showCredentials({});
    const before = [deployed.calls.length, deployed.refusals().length];
    const error = await failing(['status', ...DEPLOYED]);
    expect(error).toMatchObject({ reason: 'credentials-missing', exitCode: codeOf('denied') });
    expect(error.advice).toContain('AWS_PROFILE');
    expect([deployed.calls.length, deployed.refusals().length]).toEqual(before);
  });

  test.each([
    ['whom the platform does not know', { ...TEST_CREDENTIALS, accessKeyId: 'ASIAOTHER' }],
    ['whose secret is another', { ...TEST_CREDENTIALS, secretAccessKey: 'x' }],
    ['whose session token is another', { ...TEST_CREDENTIALS, sessionToken: 'x' }],
  ])('to an identity %s: to sign in, and not to ask for a grant', async (_, credentials) => {
    showCredentials(credentials);
    const error = await failing(['entry', 'list', ...DEPLOYED]);
    expect(error).toMatchObject({ reason: 'credentials-invalid', exitCode: codeOf('denied') });
    expect(error.advice).toContain('sign in');
    expect(error.advice).not.toContain('lambda:');
  });

  test('to an identity that is known and may not: which grants it lacks', async () => {
    deployed.answerNext({ status: 403, body: JSON.stringify({ Message: 'Forbidden' }) });
    const error = await failing(['entry', 'list', ...DEPLOYED]);
    expect(error.message).toContain('Forbidden');
    expect(error.advice).toMatch(/lambda:InvokeFunctionUrl.*administrators/);
  });

  const problem = (code: ProblemCode) => {
    const body = createProblem(code);
    return { status: body.status, headers: { 'content-type': PROBLEM_MEDIA_TYPE }, body: JSON.stringify(body) };
  };
  const json = (status: number, body: unknown) => ({ status, body: JSON.stringify(body) });
  const forbidden = (message: string) => json(403, { message });
  test.each([
    ['the platform refuses', forbidden('Forbidden'), 'denied', 'role-not-permitted'],
    ['the platform refuses in no words', { status: 403, body: 'no' }, 'denied', 'role-not-permitted'],
    [
      'a policy is missing',
      forbidden(
        'User: arn:aws:iam::111122223333:user/token is not authorized to perform: lambda:InvokeFunctionUrl on resource: arn:aws:lambda:eu-central-1:111122223333:function:expired because no identity-based policy allows the action',
      ),
      'denied',
      'role-not-permitted',
    ],
    [
      'the session is over',
      forbidden('The security token included in the request is expired'),
      'denied',
      'credentials-expired',
    ],
    ['the token is over', forbidden('ExpiredToken: The provided token has expired.'), 'denied', 'credentials-expired'],
    [
      'the session is none',
      forbidden('The security token included in the request is invalid.'),
      'denied',
      'credentials-invalid',
    ],
    [
      'the clock is slow',
      forbidden('Signature expired: 20260105T120000Z is now earlier than 20260105T121500Z (20260105T122000Z - 5 min.)'),
      'denied',
      'clock-wrong',
    ],
    [
      'the clock is fast',
      forbidden('Signature not yet current: 20260105T123000Z is still later than 20260105T121500Z'),
      'denied',
      'clock-wrong',
    ],
    ['the Region is another', forbidden('Credential should be scoped to a valid region.'), 'denied', 'region-wrong'],
    ['the function refuses', problem('not-permitted'), 'denied', 'not-permitted'],
    ['the function knows nobody', problem('not-authenticated'), 'denied', 'not-authenticated'],
    ['too many run', json(429, { Reason: 'x', message: 'Rate Exceeded.' }), 'unavailable', 'function-unavailable'],
    ['the function broke', json(502, { message: 'Internal Server Error' }), 'unavailable', 'function-unavailable'],
    ['its answer is too large', json(413, { message: 'x' }), 'unavailable', 'answer-malformed'],
    ['something else answers', { status: 200, body: '<html>' }, 'unavailable', 'answer-malformed'],
    [
      'it leads elsewhere',
      { status: 302, headers: { location: 'https://evil.test/' } },
      'unavailable',
      'answer-malformed',
    ],
  ] as const)('when %s', async (_, answer, exit, reason) => {
    deployed.answerNext(answer);
    expect(await failing(['status', ...DEPLOYED])).toMatchObject({ reason, exitCode: codeOf(exit) });
  });

  test('when the platform’s words would drive a terminal', async () => {
    deployed.answerNext(json(403, { Message: `\x1b]0;owned\x07${'x'.repeat(1000)}` }));
    const { message } = await failing(['status', ...DEPLOYED]);
    expect(message).toContain('\\u001b]0;owned');
    expect(message.length).toBeLessThan(400);
  });

  describe('when the file is', () => {
    const having = (change: object) => ({ [STACK]: { ...deployed.outputs, ...change } });
    const rows: [string, () => unknown, string][] = [
      ['none', () => '', 'deployment-malformed'],
      ['YAML', () => 'Postern: {}', 'deployment-malformed'],
      ['a list', () => [deployed.outputs], 'deployment-malformed'],
      ['of other stacks', () => ({ Network: { VpcId: 'vpc-1' } }), 'deployment-malformed'],
      ['of two control planes', () => ({ ...having({}), Other: deployed.outputs }), 'deployment-malformed'],
      ['without a door', () => having({ AuditUrl: undefined }), 'deployment-malformed'],
      ['with a door that is no text', () => having({ AuditUrl: 1 }), 'deployment-malformed'],
      ['of stacks that are null', () => ({ [STACK]: null }), 'deployment-malformed'],
      ['of no Region', () => having({ Region: 'eu central' }), 'deployment-malformed'],
      ['larger than such a file is', () => ' '.repeat(1024 * 1024 + 1), 'deployment-malformed'],
      ['leading to a query', () => having({ AdminUrl: 'https://abc.on.aws/x?y' }), 'url-malformed'],
      ['leading to a user', () => having({ AdminUrl: 'https://u:p@abc.on.aws/' }), 'url-malformed'],
      ['leading elsewhere without TLS', () => having({ PublishUrl: 'http://abc.on.aws/' }), 'url-insecure'],
    ];
    test.each(rows)('%s', async (_, file, reason) => {
      write('broken.json', file());
      const before = deployed.calls.length;
      const error = await failing(['status', '--deployment', 'broken.json']);
      expect(error).toMatchObject({ reason, exitCode: codeOf('usage') });
      expect(deployed.calls).toHaveLength(before);
    });

    test('not there, or a folder', async () => {
      for (const file of ['nowhere.json', '.'])
        expect(await failing(['status', '--deployment', file])).toMatchObject({ reason: 'file-unreadable' });
    });
  });

  test.each<[string, string[], { readonly [name: string]: string }?]>([
    ['an origin besides', ['--url', 'https://postern.example', ...DEPLOYED]],
    ['a token besides', ['--token-file', 'x', ...DEPLOYED]],
    ['another in the environment', [], { POSTERN_DEPLOYMENT: 'outputs.json', POSTERN_URL: 'http://127.0.0.1:8440' }],
  ])('when there is %s', async (_, options, environment) => {
    const error = await failing(['status', ...options], environment);
    expect(error).toMatchObject({ reason: 'control-plane-ambiguous', exitCode: codeOf('usage') });
  });

  test('when nobody answers', async () => {
    write('gone.json', { [STACK]: { ...deployed.outputs, AdminUrl: 'http://127.0.0.1:1/' } });
    const error = await failing(['status', '--deployment', 'gone.json']);
    expect(error).toMatchObject({ reason: 'control-plane-unreachable', exitCode: codeOf('unavailable') });
    expect(error.advice).toContain('deployment');
  });
});
