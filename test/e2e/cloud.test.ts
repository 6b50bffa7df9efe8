import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { type CreatedAcmeKeyAnswer, type EntryAnswer, PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import { type AwsCredentials, createSignedFetch } from '@postern/aws/signed-fetch';
import { createCsr } from '@postern/ca';
import type { FunctionName } from '@postern/functions/access';
import type { HttpAnswer } from '@postern/functions/served';
import { createAcmeClient } from '@postern/functions/testing/acme_client';
import type { Separate } from '@postern/functions/testing/separate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callTls } from '../../examples/demo/calls.ts';
import { FORGED_FACTS, SEEN } from '../../examples/demo/cloud/checks/forged_headers.ts';
import { CHECKS } from '../../examples/demo/cloud/checks.ts';
import type { CloudReport, Running } from '../../examples/demo/cloud/report.ts';
import { arnOf } from '../../examples/demo/cloud/roles.ts';
import { fetchIdentity, type Identity } from '../../examples/demo/identity.ts';
import { decisionIdOf, SCENARIOS } from '../../examples/demo/scenarios.ts';
import { createAwsCalls } from '../kit/cloud/aws_calls.ts';
import { signAs } from '../kit/cloud/function_url.ts';
import { assumeRole, createRole } from '../kit/cloud/roles.ts';
import { ACCOUNT, REGION } from '../kit/ministack.ts';
import { type RunningProcess, runToEnd, startProcess } from '../kit/process.ts';
import { describeWithTool } from '../kit/tools.ts';

const MAIN = join(import.meta.dirname, '../../examples/demo/cloud/main.ts');
const POSTERN = join(import.meta.dirname, '../../packages/cli/src/main.ts');
const RUN_TIMEOUT_MS = 180_000;
const PAYMENTS = { host: 'payments.demo.test', method: 'POST', target: '/refunds' } as const;

describeWithTool('the main job in the cloud shape: npm run deploy:local', ['ministack', 'envoy'], () => {
  let run: RunningProcess;
  let report: CloudReport;
  let running: Running;
  beforeAll(async () => {
    run = await startProcess({
      name: 'deploy:local',
      command: process.execPath,
      args: [MAIN, '--json', '--keep'],
      ready: { line: /^\{"ok":.*"running":/ },
      readyTimeoutMs: RUN_TIMEOUT_MS,
    });
    report = JSON.parse(run.output.match(/^\{"ok":.*/)![0]) as CloudReport;
    running = report.running!;
  }, RUN_TIMEOUT_MS);
  afterAll(() => run?.stop(20_000));

  test.each(SCENARIOS.map(({ title, ...scenario }) => [title, scenario] as const))('%s', (title, scenario) => {
    const decided = report.decisions.filter((decision) => decision.title === title);
    expect(decided).toHaveLength(1);
    const isPayments = scenario.service === 'payments';
    expect(decided[0]).toMatchObject({
      ...scenario.expect,
      service: scenario.service,
      decidedBy: isPayments ? 'function:authorize' : 'spiffe://demo.test/postern/agent/demo-node',
      isAsDeclared: true,
    });
  });

  test.each(CHECKS.map(({ title, name }) => [title, name] as const))('%s', (_title, name) => {
    const outcome = report.checks.find((check) => check.name === name);
    expect(outcome, outcome?.detail).toMatchObject({ ok: true });
  });

  test('the verdict is the one of the outcomes and checks', () => {
    expect(report).toMatchObject({ ok: true });
    expect(report.checks).toHaveLength(CHECKS.length);
  });

  describe('headers that a client forges never reach the deployed `authorize`', () => {
    let reports: Identity;
    beforeAll(async () => {
      reports = await fetchIdentity(running, 'spiffe://demo.test/reports');
    });

    const ASKS = {
      'HTTP/1.1': (headers: Headers) =>
        callTls(
          { ...PAYMENTS, headers, port: running.paymentsPort },
          { ca: reports.ca, serverId: 'spiffe://demo.test/payments', identity: reports },
        ),
      'HTTP/2': (headers: Headers) => askHttp2(running.paymentsPort, reports, headers),
    } as const;
    const FORGERIES: readonly (readonly [what: string, headers: Headers])[] = [
      ...Object.entries(FORGED_FACTS).map(([name, value]) => [name, { [name]: value }] as const),
      ['one that the template does not know', { 'x-postern-user': 'root' }],
      ['all at once', FORGED_FACTS],
    ];
    const rows = Object.keys(ASKS).flatMap((protocol) =>
      FORGERIES.map(([what, headers]) => [protocol as keyof typeof ASKS, what, headers] as const),
    );

    test.each(rows)('by %s: %s', async (protocol, _what, headers) => {
      const answer = await ASKS[protocol](headers);
      expect(answer.status).toBe(401);
      const record = await recordOf(decisionIdOf(answer)!);
      expect(record).toMatchObject({ ...SEEN, enforcementPoint: arnOf('payments') });
      expect(record).toMatchObject({ workload: { spiffeId: 'spiffe://demo.test/reports' } });
      expect(record.producer).toMatch(/^function:authorize#/);
    });

    test('and would show in the record if they did', async () => {
      const { 'x-postern-peer-certificate': _, 'x-postern-peer-uri': __, ...others } = FORGED_FACTS;
      const headers = {
        ...others,
        'x-postern-service': 'payments',
        'x-postern-authority': PAYMENTS.host,
        'x-postern-target': '/balance',
      };
      const credentials = await assumeRole(createAwsCalls(rootAccess()), arnOf('payments'), 'forger');
      const response = await signAs(credentials)((await outputs())['AuthorizeUrl']!, { method: 'POST', headers });
      expect(response.status).toBe(401);
      const record = await recordOf(response.headers.get('postern-decision-id')!);
      expect(record).toMatchObject({ path: '/balance', method: 'GET', enforcementPoint: arnOf('payments') });
    });
  });

  describe('a function without an agent', () => {
    const ROLE = 'orders-function';
    let call: (credentials: AwsCredentials) => Promise<Response>;
    let role: AwsCredentials;
    beforeAll(async () => {
      const aws = createAwsCalls(rootAccess());
      const mayCall = { Effect: 'Allow', Action: 'execute-api:Invoke', Resource: '*' } as const;
      role = await assumeRole(aws, await createRole(aws, ROLE, [mayCall]), 'demo');
      const { items } = await aws.rest<{ items: { apiId: string }[] }>('apigateway', 'GET', '/v2/apis');
      const door = `${running.endpoint}/_aws/execute-api/${items[0]?.apiId}/$default${PATHS.svidsAwsIam}`;
      call = (credentials) => {
        const csr = Buffer.from(createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, {}));
        const body = JSON.stringify({ attestor: 'functions', csr: csr.toString('base64') });
        const ports = { credentials: async () => credentials, region: REGION, service: 'execute-api' };
        return createSignedFetch(ports)(door, { method: 'POST', body });
      };
      const administrator = signAs(await assumeRole(aws, arnOf('administrator'), 'demo'));
      const url = (await outputs())['AdminUrl']!.replace(/\/$/, '');
      const parentId = 'spiffe://demo.test/postern/attestor/functions';
      const entry = { spiffeId: 'spiffe://demo.test/orders', parentId, selectors: [`aws:role:${ROLE}`] };
      const attestor = { name: 'functions', kind: 'aws-iam', makes: 'workload', accounts: [ACCOUNT] };
      for (const [path, made] of [
        [PATHS.admin.attestors, attestor],
        [PATHS.admin.entries, entry],
      ] as const)
        expect((await administrator(url + path, { method: 'POST', body: JSON.stringify(made) })).status).toBe(201);
    });

    test('gets the SVID of its role for one call that it signs', async () => {
      const answer = await call(role);
      expect(answer.status).toBe(201);
      expect(await answer.json()).toMatchObject({ svids: [{ spiffeId: 'spiffe://demo.test/orders' }] });
    });

    test('gets nothing by a signature that is not its own, and no other role does', async () => {
      expect((await call({ ...role, secretAccessKey: 'wrong' })).status).toBe(403);
      const stranger = await assumeRole(createAwsCalls(rootAccess()), arnOf('stranger'), 'demo');
      expect((await call(stranger)).status).toBe(403);
    });
  });

  test('ACME has its accounts by the word of `issue`, and no challenge is fetched from inside', async () => {
    const environment = { ...(await administratorVariables()), POSTERN_DEPLOYMENT: running.outputsFile };
    const postern = async <T>(...args: string[]) => {
      const command = [POSTERN, ...args, '--json'];
      const output = await runToEnd({ name: args.join(' '), command: process.execPath, args: command, environment });
      return JSON.parse(output.text()) as T;
    };
    const entry = await postern<EntryAnswer>(
      ...['entry', 'create', '--spiffe-id', 'spiffe://demo.test/web', '--selector', 'unix:uid:33'],
      ...['--parent', 'spiffe://demo.test/postern/agent/demo-node', '--dns-name', 'localhost'],
    );
    const key = await postern<CreatedAcmeKeyAnswer>('acme', 'key', 'create', '--entry', entry.id);
    expect(key.directory).toBe(`${running.publicUrl}${PATHS.acme.directory}`);
    const client = createAcmeClient({ call: callPublic }, undefined, running.publicUrl);
    expect((await client.register({ ...key, hmacKey: 'AAAA' })).body.type).toMatch(/:unauthorized$/);
    expect((await client.register(key)).status).toBe(201);
    const identifiers = [{ type: 'dns', value: 'localhost' }];
    const ordered = await client.post(running.publicUrl + PATHS.acme.newOrder, { identifiers });
    expect(ordered.status, ordered.text).toBe(201);
    const [challenge] = (await client.post(ordered.body.authorizations[0])).body.challenges;
    expect((await client.post(challenge.url, {})).body).toMatchObject({
      status: 'invalid',
      error: { type: 'urn:ietf:params:acme:error:rejectedIdentifier' },
    });
    const authority = await fetch(running.publicUrl + PATHS.acmeAuthority, { method: 'POST', body: '{}' });
    expect(authority.status).toBe(404);
  }, 60_000);

  test('what it says to type next is understood by the command line', async () => {
    const environment = await administratorVariables();
    const args = [POSTERN, 'status', '--json'];
    const output = await runToEnd({ name: 'postern status', command: process.execPath, args, environment });
    expect(JSON.parse(output.text())).toMatchObject({ trustDomain: 'demo.test', releaseNumber: 1 });
  });

  test('ends when it is told to, and leaves nothing behind', async () => {
    expect(await run.stop(20_000)).toEqual({ code: 0, signal: null });
    await expect(fetch(running.endpoint)).rejects.toThrow();
    await expect(readFile(running.outputsFile)).rejects.toThrow('ENOENT');
  });

  const rootAccess = () => ({
    endpoint: running.endpoint,
    region: REGION,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });

  async function callPublic(_: FunctionName, call: Parameters<Separate['call']>[1]): Promise<HttpAnswer> {
    const { method = 'GET', target = '/', headers = [], body } = call;
    const answer = await fetch(running.publicUrl + target, {
      ...{ method, headers: headers.map(([name, value]): [string, string] => [name, value]) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, headers: [...answer.headers], body: new Uint8Array(await answer.arrayBuffer()) };
  }

  async function outputs(): Promise<Record<string, string>> {
    const [stack] = Object.values(JSON.parse(await readFile(running.outputsFile, 'utf8')));
    return stack as Record<string, string>;
  }

  async function administratorVariables(): Promise<Record<string, string>> {
    const text = await readFile(running.administratorFile, 'utf8');
    return Object.fromEntries([...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]));
  }

  async function recordOf(id: string): Promise<AuditRecord> {
    const credentials = await assumeRole(createAwsCalls(rootAccess()), arnOf('administrator'), 'reader');
    const url = (await outputs())['AuditUrl']!.replace(/\/$/, '') + PATHS.admin.record(id);
    return (await (await signAs(credentials)(url)).json()) as AuditRecord;
  }
});

test('a mistake in the command line deploys nothing', async () => {
  const run = await startProcess({ name: 'deploy:local', command: process.execPath, args: [MAIN, '--bogus'] });
  expect((await run.exited).code).toBe(2);
  expect(run.output.text()).toContain('try: npm run deploy:local -- --help');
});

type Headers = { readonly [name: string]: string };

function askHttp2(port: number, { cert, key, ca }: Identity, headers: Headers) {
  return new Promise<{ status: number; headers: Record<string, string>; body: string }>((resolve, reject) => {
    // Whom it meets is what the other protocol's row looks at.
    const session = connect(`https://127.0.0.1:${port}`, { cert, key, ca, rejectUnauthorized: false });
    session.on('error', reject);
    const { method, target, host } = PAYMENTS;
    const stream = session.request({ ':method': method, ':path': target, ':authority': host, ...headers });
    let received: Record<string, string> = {};
    let body = '';
    stream.on('response', (answer) => {
      received = answer as unknown as Record<string, string>;
    });
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    stream.on('error', reject);
    stream.on('close', () => {
      session.close();
      resolve({ status: Number(received[':status'] ?? 0), headers: received, body });
    });
    stream.end();
  });
}
