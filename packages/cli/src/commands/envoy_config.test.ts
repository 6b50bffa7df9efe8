import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import { EXIT_CODES } from '../exit_codes.ts';
import { runHere } from '../testing/run_here.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-envoy-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return name;
};

const URL = 'https://abc123.lambda-url.eu-central-1.on.aws/';
const OUTPUTS = { Region: 'eu-central-1', AdminUrl: URL, PublishUrl: URL, AuditUrl: URL, AuthorizeUrl: URL };
file('outputs.json', JSON.stringify({ Postern: OUTPUTS }));
const STAND_IN = 'http://127.0.0.1:4566/_aws/lambda-url/abc123/';
file('stand-in.json', JSON.stringify({ Postern: { ...OUTPUTS, AuthorizeUrl: STAND_IN } }));
const SERVICE = ['--service', 'app', '--spiffe-id', 'spiffe://demo.test/app', '--app', '127.0.0.1:8080'];
const LEDGER = 'ledger=9001,ledger.internal:8443,spiffe://demo.test/ledger';

const run = (args: readonly string[], environment = {}) =>
  runHere(['envoy', 'config', ...args], { folder, environment });

/** Every object of a configuration, to be found by what it has. */
function objectsOf(value: unknown): readonly { readonly [name: string]: unknown }[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value as { readonly [name: string]: unknown }, ...Object.values(value).flatMap(objectsOf)];
}

const WAYS: readonly [string, readonly string[], object][] = [
  ['the agent by gRPC', [], { path: join(folder, '.postern/agent/ext-authz.sock') }],
  ['the agent by HTTP', ['--authz', 'http'], { path: join(folder, '.postern/agent/ext-authz-http.sock') }],
  ['the agent elsewhere', ['--authz-socket', '/run/a.sock'], { path: '/run/a.sock' }],
  [
    '`authorize` by mutual TLS',
    ['--authz', 'https-mtls', '--authz-address', '192.0.2.1:8441'],
    { matcher: { exact: 'spiffe://demo.test/postern/authorize' } },
  ],
  [
    'a function URL by its deployment',
    ['--authz', 'function-url', '--deployment', 'outputs.json'],
    { service_name: 'lambda', region: 'eu-central-1', host_rewrite: 'abc123.lambda-url.eu-central-1.on.aws' },
  ],
  [
    'a function URL by its name',
    ['--authz', 'function-url', '--authz-url', 'http://a.test', '--region', 'us-east-1', '--authz-address', '[::1]:1'],
    { service_name: 'lambda', region: 'us-east-1', host_rewrite: 'a.test' },
  ],
  [
    'a function URL that authorities of a file vouch for',
    ['--authz', 'function-url', '--deployment', 'outputs.json', '--trusted-ca-file', 'ca.pem'],
    { filename: join(folder, 'ca.pem') },
  ],
];

describe('asks for decisions', () => {
  test.each(WAYS)('%s', async (_, options, part) => {
    const ended = await run([...SERVICE, ...options]);
    expect(ended, ended.err).toMatchObject({ code: 0, err: '' });
    const config = JSON.parse(ended.out);
    expect(objectsOf(config)).toContainEqual(expect.objectContaining(part));
    expect((await run([...SERVICE, ...options, '--json'])).out).toBe(ended.out);
  });

  test('the deployment that the environment names', async () => {
    const ended = await run([...SERVICE, '--authz', 'function-url'], { POSTERN_DEPLOYMENT: 'outputs.json' });
    expect(ended.out).toContain('abc123.lambda-url.eu-central-1.on.aws');
  });
});

test('says what the operator said', async () => {
  const words = ['--listen', '[::]:443', '--app-protocol', 'http2', '--anonymous-clients', '--access-log', 'a.log'];
  const bounds = ['--max-stream', '90s', '--max-connection', '2h', '--outbound', `${LEDGER},ledger.demo.test`];
  const { out } = await run([...SERVICE, ...words, ...bounds, '--agent-socket', 'agent.sock']);
  const parts = objectsOf(JSON.parse(out));
  for (const part of [
    { socket_address: { address: '::', port_value: 443 } },
    { require_client_certificate: false },
    { max_stream_duration: '90s', max_connection_duration: '7200s' },
    { path: join(folder, 'a.log') },
    { path: join(folder, 'agent.sock') },
    { host_rewrite_literal: 'ledger.demo.test' },
    { socket_address: { address: '127.0.0.1', port_value: 9001 } },
    { socket_address: { address: 'ledger.internal', port_value: 8443 } },
  ])
    expect(parts).toContainEqual(expect.objectContaining(part));
});

test('is there with the agent, too, and is the same', async () => {
  const words = [...SERVICE, '--outbound', LEDGER, '--admin-socket', 'admin.sock'];
  const here = await runHere(['agent', 'envoy-bootstrap', ...words], { folder });
  expect(here, here.err).toMatchObject({ code: 0, out: (await run(words)).out });
  expect(JSON.parse(here.out).admin).toEqual({ address: { pipe: { path: join(folder, 'admin.sock'), mode: 0o600 } } });
});

describe('writes no configuration', () => {
  const FUNCTION_URL = ['--authz', 'function-url'];
  const rows: [string, readonly string[], string][] = [
    ['for an identity that is none', ['--spiffe-id', 'app'], 'option-value'],
    [
      'for a service of another trust domain',
      ['--outbound', LEDGER.replace('demo.test', 'other.test')],
      'option-value',
    ],
    ['with two services of one name', ['--outbound', LEDGER, '--outbound', LEDGER], 'command-line'],
    ['with a service that is none', ['--outbound', 'ledger'], 'command-line'],
    ['for a port that is none', ['--app', '127.0.0.1:65536'], 'command-line'],
    ['for an address without port', ['--app', '127.0.0.1'], 'command-line'],
    ['for an address that is none', ['--app', '[1::2::3]:80'], 'command-line'],
    ['that listens at a name', ['--listen', 'localhost:8443'], 'command-line'],
    ['for a way that there is not', ['--authz', 'opa'], 'command-line'],
    ['with an option of another way', ['--authz', 'http', '--region', 'eu-central-1'], 'command-line'],
    ['that does not say where `authorize` is', ['--authz', 'https-mtls'], 'command-line'],
    ['that does not say where the function is', FUNCTION_URL, 'command-line'],
    ['that does not say in which Region', [...FUNCTION_URL, '--authz-url', URL], 'command-line'],
    ['that says of nothing in which Region', [...FUNCTION_URL, '--region', 'eu-central-1'], 'command-line'],
    ['that says it twice', [...FUNCTION_URL, '--authz-url', URL, '--deployment', 'outputs.json'], 'command-line'],
    ['for a Region that is none', [...FUNCTION_URL, '--authz-url', URL, '--region', 'EU'], 'option-value'],
    ['that asks in clear text', [...FUNCTION_URL, '--authz-url', 'http://a.test', '--region', 'eu'], 'option-value'],
    [
      'for a function of a stand-in, by its path',
      [...FUNCTION_URL, '--deployment', 'stand-in.json'],
      'function-url-path',
    ],
    ['that asks below a path', [...FUNCTION_URL, '--authz-url', `${URL}x`, '--region', 'eu-central-1'], 'option-value'],
    ['of a deployment that is not there', [...FUNCTION_URL, '--deployment', 'nowhere'], 'file-unreadable'],
  ];
  test.each(rows)('%s', async (_, options, reason) => {
    const ended = await run([...SERVICE, ...options, '--json']);
    expect(JSON.parse(ended.out).error, ended.err).toMatchObject({ reason, exitCode: EXIT_CODES.usage.code });
    expect(ended.err).toMatch(/^error: [^\n]+\ntry: [^\n]+\n$/);
  });
});

test('for a function of a stand-in, what is advised instead works', async () => {
  const ask = [...SERVICE, '--authz', 'function-url'];
  for (const named of [
    ['--deployment', 'stand-in.json'],
    ['--authz-url', STAND_IN, '--region', 'eu-central-1'],
  ]) {
    const refused = await run([...ask, ...named, '--json']);
    const { advice } = JSON.parse(refused.out).error;
    const ended = await run([...ask, ...advice.split(' ')]);
    expect(ended, ended.err).toMatchObject({ code: 0 });
    const parts = objectsOf(JSON.parse(ended.out));
    expect(parts).toContainEqual(
      expect.objectContaining({ host_rewrite: 'abc123.lambda-url.eu-central-1.on.aws', region: 'eu-central-1' }),
    );
    expect(parts).toContainEqual({ socket_address: { address: '127.0.0.1', port_value: 4566 } });
  }
});

describeWithTool('the real Envoy takes it', ['envoy', 'openssl'], ({ envoy, openssl }) => {
  beforeAll(() => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'ca.key')];
    const words = ['req', '-x509', '-subj', '/CN=authority', ...key, '-out', join(folder, 'ca.pem')];
    execFileSync(openssl, words, { stdio: 'pipe' });
  });

  it.each(WAYS)('with decisions of %s', async (_, options) => {
    // Where this machine keeps the authorities of the internet is not what is tested.
    const authorities = options.includes('function-url') ? ['--trusted-ca-file', 'ca.pem'] : [];
    const { out } = await run([
      ...SERVICE,
      '--outbound',
      LEDGER,
      '--admin-socket',
      'a.sock',
      ...options,
      ...authorities,
    ]);
    const path = join(folder, file('envoy.json', out));
    const told = execFileSync(envoy, ['--mode', 'validate', '--config-path', path], { stdio: 'pipe' });
    expect(String(told)).toContain('OK');
  });
});
