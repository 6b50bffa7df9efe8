/** An agent whose control plane takes records at a door of its own, guarded by IAM. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TEST_CREDENTIALS, TEST_REGION } from '@postern/agent/testing';
import { formatJoinToken, parseJoinToken } from '@postern/api';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type DeployedControlPlane, startDeployedControlPlane } from './testing/deployed_control_plane.ts';
import { startPostern } from './testing/run_postern.ts';

const POLICIES = join(import.meta.dirname, '../../../examples/demo/policies');
const NO_AWS = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  AWS_SESSION_TOKEN: undefined,
  AWS_PROFILE: undefined,
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
};
const AWS = {
  ...NO_AWS,
  AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
  AWS_SESSION_TOKEN: TEST_CREDENTIALS.sessionToken,
};

let deployed: DeployedControlPlane;
beforeAll(async () => {
  for (const [name, value] of Object.entries(AWS)) vi.stubEnv(name, value);
  deployed = await startDeployedControlPlane();
  await run('policy', 'publish', POLICIES);
});
afterAll(async () => {
  await deployed?.stop();
  vi.unstubAllEnvs();
});

async function run<T = object>(...args: string[]): Promise<T> {
  const ended = await deployed.run([...args, '--deployment', 'outputs.json', '--json']);
  expect(ended, ended.err).toMatchObject({ code: 0 });
  return JSON.parse(ended.out) as T;
}

/** A join token as a control plane makes it that has an ingest door of its own. */
async function tokenFor(agent: string): Promise<string> {
  const { token } = await run<{ token: string }>('token', 'create', '--agent', agent);
  const parsed = parseJoinToken(token);
  if (!parsed.ok) throw new Error(parsed.reason);
  const ingest = { url: deployed.outputs['IngestUrl']?.replace(/\/$/, '') ?? '', region: TEST_REGION };
  const file = `${agent}.token`;
  writeFileSync(join(deployed.folder, file), formatJoinToken({ ...parsed.value, ingest }), { mode: 0o600 });
  return file;
}

const startAgent = async (agent: string, file: string, environment: typeof NO_AWS | typeof AWS) =>
  startPostern(['agent', '--dir', agent, '--join-token-file', file, '--json'], {
    folder: deployed.folder,
    environment,
  });

const sent = () => deployed.calls.filter((call) => call.startsWith('IngestUrl'));
const runsOf = (agent: string) =>
  readdirSync(join(deployed.folder, agent, 'spool'), { recursive: true }).filter((name) =>
    String(name).endsWith('.jws'),
  );
const recorded = async (agent: string) => {
  const { records } = await run<{ records: { producer?: string }[] }>('audit', 'list', '--limit', '1000');
  return records.filter((record) => JSON.stringify(record).includes(`/postern/agent/${agent}#`));
};

test('sends its records there, signed, and everything else to the public doors', async () => {
  const agent = await startAgent('node-1', await tokenFor('node-1'), AWS);
  expect(await agent.interrupt()).toBe(0);
  expect(sent().length).toBeGreaterThan(0);
  expect(new Set(sent())).toEqual(new Set(['IngestUrl POST /v1/audit/segments']));
  expect(deployed.refusals()).toEqual([]);
  expect(await recorded('node-1')).not.toEqual([]);
  expect(runsOf('node-1')).toEqual([]);
});

test('keeps its records where it has no credentials, says what to do, and sends them when it has', async () => {
  const before = sent().length;
  const file = await tokenFor('node-2');
  const without = await startAgent('node-2', file, NO_AWS);
  expect(await without.interrupt()).toBe(0);
  // Its last record says that it ends; none was due before.
  const [line = ''] = without
    .err()
    .split('\n')
    .filter((text) => text.includes('credentials-missing'));
  expect(JSON.parse(line)).toMatchObject({ level: 'error', event: 'segments-not-sent', reason: 'credentials-missing' });
  expect(line).toContain('lambda:InvokeFunctionUrl');
  expect(sent()).toHaveLength(before);
  expect(await recorded('node-2')).toEqual([]);
  expect(runsOf('node-2').length).toBeGreaterThan(0);

  const having = await startAgent('node-2', file, AWS);
  await expect.poll(() => recorded('node-2'), { timeout: 15_000 }).not.toEqual([]);
  await expect.poll(() => sent().length, { timeout: 15_000 }).toBeGreaterThan(before);
  expect(await having.interrupt()).toBe(0);
  expect(deployed.refusals()).toEqual([]);
  expect(await run('audit', 'verify')).toMatchObject({ ok: true });
}, 60_000);
