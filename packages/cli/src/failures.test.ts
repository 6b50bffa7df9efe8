import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBLEMS } from '@postern/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT_CODES, type ExitName } from './exit_codes.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/local_control_plane.ts';

let controlPlane: TestControlPlane;

beforeAll(async () => {
  controlPlane = await startTestControlPlane();
  const { folder, token } = controlPlane;
  const write = (name: string, text: string | Buffer, mode = 0o600) => {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
  };
  write('wrong-token', 'A'.repeat(43));
  write('exposed-token', token, 0o640);
  write('two-lines', `${token}\n${token}`);
  write('no-join-token', 'hello');
  write('empty/README.md', '');
  write('broken/services/shop.yaml', 'name: shop\nowner: [');
  write('binary/services/shop.yaml', Buffer.from([0xff, 0xfe, 0x00]));
  write('linked/services/shop.yaml', 'name: shop');
  symlinkSync('/etc/passwd', join(folder, 'linked/services/other.yaml'));
  write('trail/trail.json', '{"producers":[],"segments":[{}]}');
  write('trail/trust.json', '{}');
});

afterAll(() => controlPlane?.stop());

const DEMO = join(import.meta.dirname, '../../../examples/demo/policies');
const START = ['start', '--dir', 'other', '--port', '0', '--authorize-port', '0'];
const REVOKE = ['revoke', 'device:x', '--reason', 'x'];

describe('a failure says by exit code, reason and advice what it is, and never a secret', () => {
  type Row = [
    name: string,
    args: string[],
    exit: ExitName,
    reason: string,
    environment?: { readonly [name: string]: string },
  ];
  const rows: Row[] = [
    ['a wrong token', ['status', '--token-file', 'wrong-token'], 'denied', 'not-authenticated'],
    ['no token', ['status', '--token-file', 'nowhere'], 'denied', 'secret-file-missing'],
    ['a token that others can read', ['status', '--token-file', 'exposed-token'], 'denied', 'secret-file-exposed'],
    ['a token that no header takes', ['status', '--token-file', 'two-lines'], 'denied', 'secret-file-content'],
    ['a folder for a token', ['status', '--token-file', '.postern'], 'denied', 'secret-file-kind'],
    ['nobody listening', ['status', '--url', 'http://127.0.0.1:1'], 'unavailable', 'control-plane-unreachable'],
    [
      'nobody, by environment',
      ['status'],
      'unavailable',
      'control-plane-unreachable',
      { POSTERN_URL: 'http://127.0.0.1:1' },
    ],
    ['clear text to another machine', ['status', '--url', 'http://postern.example'], 'usage', 'url-insecure'],
    [
      'a name that begins like this machine',
      ['status', '--url', 'http://127.0.0.1.evil.example'],
      'usage',
      'url-insecure',
    ],
    ['a private network that is none', ['start', '--outbound-ranges', '10.1.0.0/16,vpc'], 'usage', 'option-value'],
    ['a user in the URL', ['status', '--url', 'https://u:p@postern.example'], 'usage', 'url-malformed'],
    ['no URL', ['status', '--url', 'postern'], 'usage', 'url-malformed'],
    ['an unknown entry', ['entry', 'show', '0198c0de'], 'refused', 'not-found'],
    ['an id that climbs', ['entry', 'delete', '../status'], 'refused', 'not-found'],
    ['an unknown record', ['audit', 'show', 'x'], 'refused', 'not-found'],
    ['an unknown release', ['policy', 'rollback', '999'], 'refused', 'not-found'],
    ['a malformed subject', ['revoke', 'everything', '--reason', 'x'], 'refused', 'malformed-request'],
    ['a malformed name', ['token', 'create', '--agent', 'a/b'], 'refused', 'malformed-request'],
    ['policies that do not compile', ['policy', 'publish', 'broken'], 'refused', 'policy-invalid'],
    ['tests of policies that do not compile', ['policy', 'test', 'broken'], 'refused', 'policy-invalid'],
    ['no such folder', ['policy', 'check', 'nowhere'], 'usage', 'policy-folder-unreadable'],
    ['a folder without policies', ['policy', 'publish', 'empty'], 'usage', 'policy-folder-empty'],
    ['a policy that is no text', ['policy', 'check', 'binary'], 'usage', 'policy-file-encoding'],
    ['a link to a file of this machine', ['policy', 'check', 'linked'], 'usage', 'policy-file-kind'],
    [
      'records that are not there',
      ['policy', 'replay', '--records', 'nowhere', DEMO, DEMO],
      'usage',
      'file-unreadable',
    ],
    ['records that are a folder', ['policy', 'replay', '--records', 'empty', DEMO, DEMO], 'usage', 'file-unreadable'],
    ['a replay without records', ['policy', 'replay', DEMO, DEMO], 'usage', 'command-line'],
    [
      'a replay of what does not compile',
      ['policy', 'replay', '--records', 'x', DEMO, 'broken'],
      'refused',
      'policy-invalid',
    ],
    ['a diff to nowhere', ['policy', 'diff', DEMO, 'nowhere'], 'usage', 'policy-folder-unreadable'],
    ['no request to explain', ['policy', 'explain', DEMO], 'usage', 'request-ambiguous'],
    ['two of them', ['policy', 'explain', DEMO, '--test', 'x', '--service', 'y'], 'usage', 'request-ambiguous'],
    ['a test that there is not', ['policy', 'explain', DEMO, '--test', 'x'], 'usage', 'test-unknown'],
    ['records without a line', ['policy', 'explain', DEMO, '--records', 'x'], 'usage', 'request-ambiguous'],
    ['a request that is none', ['policy', 'explain', DEMO, '--request', 'wrong-token'], 'usage', 'request-malformed'],
    ['a device for a request', ['policy', 'explain', DEMO, '--request', '/dev/zero'], 'usage', 'file-unreadable'],
    [
      'an option that is no address',
      ['policy', 'explain', DEMO, '--service', 'payments', '--source-ip', 'x'],
      'usage',
      'request-malformed',
    ],
    ['a share above all', ['policy', 'test', DEMO, '--coverage', '101'], 'usage', 'command-line'],
    [
      'records where no file can be',
      ['policy', 'test', DEMO, '--write-records', 'wrong-token/x'],
      'usage',
      'output-not-written',
    ],
    ['no trail', ['audit', 'verify', 'empty'], 'usage', 'file-unreadable'],
    ['a trail of something else', ['audit', 'verify', 'trail'], 'refused', 'trail-malformed'],
    ['pinned keys that are none', ['audit', 'verify', '--trust', 'trail/trust.json'], 'usage', 'trust-malformed'],
    ['no agent', ['svid', 'fetch'], 'unavailable', 'workload-api-unreachable'],
    ['a token from no agent', ['svid', 'fetch', '--jwt', '--audience', 'a'], 'unavailable', 'workload-api-unreachable'],
    ['a token for nobody', ['svid', 'fetch', '--jwt'], 'usage', 'option-missing'],
    ['an audience without a token', ['svid', 'fetch', '--audience', 'a'], 'usage', 'option-missing'],
    ['a token to follow', ['svid', 'fetch', '--jwt', '--audience', 'a', '--follow'], 'usage', 'option-missing'],
    ['a token that is not there', ['svid', 'verify-jwt', '--audience', 'a', 'nowhere'], 'usage', 'file-unreadable'],
    ['a token to verify for nobody', ['svid', 'verify-jwt', 'nowhere'], 'usage', 'command-line'],
    ['a TCP Workload API', ['svid', 'fetch', '--socket', 'tcp://127.0.0.1:1'], 'usage', 'socket-address'],
    [
      'a relative socket URL',
      ['svid', 'fetch'],
      'usage',
      'socket-address',
      { SPIFFE_ENDPOINT_SOCKET: 'unix:agent.sock' },
    ],
    ['an agent without a token', ['agent', '--dir', 'agent-0'], 'denied', 'agent-not-joined'],
    [
      'an agent whose token file is gone',
      ['agent', '--dir', 'agent-0', '--join-token-file', 'nowhere'],
      'denied',
      'agent-not-joined',
    ],
    [
      'an agent with something else',
      ['agent', '--dir', 'agent-0', '--join-token-file', 'no-join-token'],
      'denied',
      'agent-not-joined',
    ],
    [
      'a join token that others can read',
      ['agent', '--join-token-file', 'exposed-token'],
      'denied',
      'secret-file-exposed',
    ],
    ['a trust domain that is none', [...START, '--trust-domain', 'A B'], 'usage', 'option-value'],
    ['a folder that another control plane holds', [...START, '--dir', '.postern'], 'refused', 'folder-in-use'],
    ['a file for a folder', [...START, '--dir', 'wrong-token'], 'usage', 'folder-unusable'],
    ['a file for an agent’s folder', ['agent', '--dir', 'wrong-token/x'], 'usage', 'folder-unusable'],
    ['an outcome that there is not', ['audit', 'list', '--outcome', 'denied'], 'usage', 'command-line'],
    ['a kind of record that there is not', ['audit', 'list', '--kind', 'decisions'], 'usage', 'command-line'],
    ['a join token for a month', ['token', 'create', '--agent', 'a', '--ttl', '30d'], 'usage', 'command-line'],
    ['an unknown command', ['polcy'], 'usage', 'command-line'],
    ['half a command', ['policy'], 'usage', 'command-line'],
    ['an unknown option', ['status', '--jason'], 'usage', 'command-line'],
    ['a missing option', ['revoke', 'device:x'], 'usage', 'command-line'],
    ['a missing argument', ['policy', 'check'], 'usage', 'command-line'],
    ['an argument too many', ['status', 'now'], 'usage', 'command-line'],
    ['no duration', [...REVOKE, '--expires-in', 'soon'], 'usage', 'command-line'],
    ['a number out of bounds', ['policy', 'rollback', '0'], 'usage', 'command-line'],
  ];

  test.each(rows)('%s', async (_name, args, exit, reason, environment) => {
    const ended = await controlPlane.runHere([...args, '--json'], environment);
    const { code } = EXIT_CODES[exit];
    const { error } = JSON.parse(ended.out);
    expect({ code: ended.code, ...error }, ended.err).toMatchObject({ code, reason, exitCode: code });
    expect(ended.err).toMatch(/(?:^|\n)error: [^\n]+\ntry: [^\n]+\n$/);
    expect(ended.out + ended.err).not.toContain(controlPlane.token);
    expect(ended.out + ended.err).not.toContain('root:');
  });

  test.each([
    ['of another trust domain', { '--spiffe-id': 'spiffe://evil.test/a' }, 'malformed-request', 'entry-trust-domain'],
    [
      'of an agent',
      { '--spiffe-id': 'spiffe://demo.test/postern/agent/a' },
      'malformed-request',
      'entry-path-reserved',
    ],
    ['that climbs', { '--spiffe-id': 'spiffe://demo.test/a/../b' }, 'malformed-request', 'entry-spiffe-id'],
    ['under a workload', { '--parent': 'spiffe://demo.test/a' }, 'malformed-request', 'entry-parent'],
    ['of no selector', { '--selector': 'uid' }, 'malformed-request', 'entry-selectors'],
    ['by a wildcard', { '--dns-name': '*.demo.test' }, 'malformed-request', 'entry-dns-name'],
    ['that is there', {}, 'conflict', 'entry-exists'],
  ] as const)('an entry %s: what to do about that very one', async (_, change, reason, exact) => {
    const given = {
      '--spiffe-id': 'spiffe://demo.test/entered',
      '--parent': 'spiffe://demo.test/postern/agent/node-1',
      '--selector': 'unix:uid:1',
    };
    const create = (words: object) =>
      controlPlane.runHere(['entry', 'create', ...Object.entries(words).flat(), '--json']);
    await create(given);
    const ended = await create({ ...given, ...change });
    const { error } = JSON.parse(ended.out);
    expect(error).toMatchObject({ reason, exitCode: EXIT_CODES.refused.code });
    expect(error.message).toContain(exact);
    expect(error.advice).not.toBe(PROBLEMS[reason].caller);
    expect(ended.err).toContain(error.advice);
  });

  test('a port in use is no fault of ours', async () => {
    const { port } = new URL(controlPlane.url);
    const ended = await controlPlane.runHere([
      'start',
      '--dir',
      'third',
      '--port',
      port,
      '--authorize-port',
      '0',
      '--json',
    ]);
    expect(JSON.parse(ended.out).error).toMatchObject({ reason: 'port-in-use', exitCode: EXIT_CODES.unavailable.code });
  });

  test('a control plane that fails halfway ends, and serves nobody', async () => {
    const { port: taken } = new URL(controlPlane.url);
    const words = ['start', '--dir', 'halfway', '--port', '0', '--authorize-port', taken, '--json'];
    const ended = await controlPlane.run(words);
    expect(ended.code).toBe(EXIT_CODES.unavailable.code);
    expect(JSON.parse(ended.out).error).toMatchObject({ reason: 'port-in-use' });
  });

  test('a mistake in a policy has its place, in text and in SARIF', async () => {
    const ended = await controlPlane.runHere(['policy', 'check', 'broken']);
    expect(ended).toMatchObject({ code: EXIT_CODES.refused.code });
    expect(ended.out).toMatch(/^services\/shop\.yaml:2:\d+: error: /);
    const sarif = await controlPlane.runHere(['policy', 'check', 'broken', '--format', 'sarif']);
    expect(JSON.parse(sarif.out)).toMatchObject({ version: '2.1.0', runs: [{ results: [{ level: 'error' }] }] });
    const published = await controlPlane.runHere(['policy', 'publish', 'broken']);
    expect(published.err).toMatch(/^services\/shop\.yaml:2:\d+: error: /);
  });

  test('policies that fail their tests are published only when told not to run them', async () => {
    const folder = join(controlPlane.folder, 'failing');
    cpSync(DEMO, folder, { recursive: true });
    writeFileSync(join(folder, 'org/closed.cedar'), '@id("closed") forbid (principal, action, resource);\n');
    const policy = async (...args: string[]) => {
      const { code, out } = await controlPlane.runHere(['policy', ...args, '--json']);
      return { code, ...JSON.parse(out) };
    };
    const refused = await policy('publish', folder);
    expect(refused).toMatchObject({ code: EXIT_CODES.refused.code, error: { reason: 'policy-tests-failed' } });
    expect(refused.error.failed.length).toBeGreaterThan(1);
    expect(await policy('list')).toMatchObject({ releases: [] });
    expect(await policy('publish', folder, '--skip-tests')).toMatchObject({
      code: 0,
      published: true,
      number: 1,
      tests: 'skipped',
    });
    expect(await policy('list')).toMatchObject({ current: 1 });
  });
});
