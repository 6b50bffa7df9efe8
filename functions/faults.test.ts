import { readFileSync } from 'node:fs';
import { PATHS, type SvidsAnswer } from '@postern/api';
import { formatWebhookSignature, POSTURE_SIGNATURE_HEADER } from '@postern/identity';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  callAs,
  createJoinToken,
  csrOf,
  enterWorkload,
  type Holder,
  join,
  joinAgent,
  newKey,
} from './testing/agents.ts';
import { problemOf } from './testing/answers.ts';
import { POLICIES, publish, published } from './testing/policies.ts';
import { type Faults, startWorld, type World } from './testing/world.ts';

let world: World;
let agent: Holder;
let [entryId, secret, runs] = ['', '', 0];
beforeAll(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
  entryId = await enterWorkload(world, agent, '/payments');
  secret = readFileSync(world.postureSecretFile, 'utf8').trim();
  await published(world);
});
afterEach(() => clear(world));
afterAll(() => world.remove());

const clear = ({ faults }: World) => {
  for (const member of Object.keys(faults)) delete faults[member as keyof Faults];
};

const FAULTS = {
  table: { table: () => true },
  writes: { table: ({ operation }) => operation !== 'get' && operation !== 'query' },
  objects: { objects: () => true },
  assertion: { signers: (name) => name === 'assertion' },
  release: { signers: (name) => name === 'release' },
  root: { signers: (name) => name === 'root' },
  jwt: { signers: (name) => name === 'jwt' },
  mac: { mac: true },
} as const satisfies { readonly [name: string]: Faults };
type FaultName = keyof typeof FAULTS;

const get = (target: string) => callAs(world, agent, { method: 'GET', target });
const post = (target: string, body: unknown) => callAs(world, agent, { method: 'POST', target, body });
const administer = (method: string, path: string, body?: unknown) => world.admin(method, path, body);
const csr = () => csrOf(newKey());

/** Every door with a call that is in order, and what it cannot do without. Each call is one of its kind. */
const DOORS: [name: string, call: () => Promise<() => Promise<Response>>, needs: readonly FaultName[]][] = [
  [
    'join',
    async () => {
      const token = await createJoinToken(world, `node-${++runs}`);
      return () => join(world, { token, csr: csr() });
    },
    ['table', 'writes', 'objects', 'mac'],
  ],
  [
    'renew',
    async () => {
      const node = await joinAgent(world, `node-${++runs}`);
      return () => callAs(world, node, { method: 'POST', target: PATHS.agentRenew, body: { csr: csr() } });
    },
    ['table', 'writes', 'objects', 'mac'],
  ],
  ['entries', async () => () => get(PATHS.agentEntries), ['table', 'mac']],
  [
    'svids',
    async () => () => post(PATHS.svids, { requests: [{ entryId, csr: csr() }] }),
    ['table', 'writes', 'objects', 'mac'],
  ],
  [
    'jwt-svids',
    async () => () => post(PATHS.jwtSvids, { requests: [{ entryId, audience: ['a'] }] }),
    ['table', 'writes', 'objects', 'mac', 'jwt'],
  ],
  ['feed', async () => () => get(`${PATHS.feed}?epoch=&after=0`), ['table', 'mac']],
  ['release', async () => () => get(PATHS.release(1)), ['table', 'objects']],
  [
    'segments',
    async () => () =>
      post(PATHS.segments, {
        producer: `${agent.spiffeId}#${++runs}`,
        key: world.trust.assertionKeys[0],
        segments: [],
      }),
    ['table', 'writes', 'assertion'],
  ],
  ['posture', async () => () => pushPosture(), ['table', 'writes', 'objects', 'mac']],
  [
    'create entry',
    async () => () =>
      administer('POST', PATHS.admin.entries, {
        spiffeId: `spiffe://demo.test/${++runs}`,
        parentId: agent.spiffeId,
        selectors: ['unix:uid:1'],
      }),
    ['table', 'writes', 'objects', 'mac'],
  ],
  ['list entries', async () => () => administer('GET', PATHS.admin.entries), ['table', 'mac']],
  [
    'delete entry',
    async () => {
      const id = await enterWorkload(world, agent, `/${++runs}`);
      return () => administer('DELETE', PATHS.admin.entry(id));
    },
    ['table', 'writes', 'objects', 'mac'],
  ],
  [
    'join token',
    async () => () => administer('POST', PATHS.admin.joinTokens, { agentName: `node-${++runs}` }),
    ['table', 'writes', 'objects', 'mac'],
  ],
  [
    'revocation',
    async () => () => administer('POST', PATHS.admin.revocations, { subject: `svid:${++runs}`, reason: 'test' }),
    ['table', 'writes', 'objects', 'mac'],
  ],
  ['status', async () => () => administer('GET', PATHS.admin.status), ['table', 'mac']],
  [
    'publish',
    async () => () => publish(world, POLICIES, { force: true }),
    ['table', 'writes', 'objects', 'release', 'mac'],
  ],
  ['publish what is in force', async () => () => publish(world), ['table', 'objects', 'mac']],
  [
    'roll back',
    async () => () => administer('POST', PATHS.admin.rollback, { to: 1 }),
    ['table', 'writes', 'objects', 'release', 'mac'],
  ],
  ['releases', async () => () => administer('GET', PATHS.admin.releases), ['table', 'objects', 'mac']],
  ['records', async () => () => administer('GET', PATHS.admin.records), ['table']],
  ['trail', async () => () => administer('GET', PATHS.admin.trail), ['table', 'objects']],
];

function pushPosture(): Promise<Response> {
  const observedAt = new Date(world.clock.nowMs()).toISOString();
  const body = Buffer.from(
    JSON.stringify({ deviceId: `laptop-${++runs}`, observedAt, compliant: true, managed: true }),
  );
  const signature = formatWebhookSignature(Buffer.from(secret), world.clock.nowMs(), body);
  return world.admin('POST', PATHS.posture('generic'), body, { [POSTURE_SIGNATURE_HEADER]: signature });
}

describe.each(Object.keys(FAULTS) as FaultName[])('without %s', (fault) => {
  test.each(DOORS.filter(([, , needs]) => needs.includes(fault)))(
    '%s is answered 503 with a time to try again, and nothing is done',
    async (_, prepare) => {
      const call = await prepare();
      const before = world.effects();
      const issuedBefore = (await world.records('issuance-complete')).length;
      Object.assign(world.faults, FAULTS[fault]);
      const response = await call();
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(await problemOf(response)).toMatchObject({ status: 503, code: 'unavailable' });
      const after = world.effects();
      // A join token and a number of a release may be used up; nothing else, and no release is signed without its record.
      // That an SVID was to be issued is noted ahead: one that was not is noted for nothing.
      const left = after.writes.slice(before.writes.length);
      expect(left.filter((pk) => pk !== 'join-token' && !pk.startsWith('issued#'))).toEqual([]);
      expect(after.objects).toEqual(before.objects);
      if (fault !== 'writes') expect(after.signs).toEqual(before.signs);
      clear(world);
      expect((await world.records('issuance-complete')).length).toBe(issuedBefore);
    },
  );

  test.each(DOORS.filter(([, , needs]) => !needs.includes(fault)))('%s goes on', async (_, prepare) => {
    const call = await prepare();
    Object.assign(world.faults, FAULTS[fault]);
    expect((await call()).status).toBeLessThan(300);
  });
});

describe('an outage of the root key', () => {
  const HOUR_MS = 60 * 60 * 1000;

  test('stops issuing when the issuer of this process ends, with 503 and nothing signed, and not before', async () => {
    const own = await startWorld();
    try {
      const node = await joinAgent(own, 'node-1');
      const id = await enterWorkload(own, node, '/payments');
      const ask = () =>
        callAs(own, node, { method: 'POST', target: PATHS.svids, body: { requests: [{ entryId: id, csr: csr() }] } });
      own.faults.signers = (name) => name === 'root';
      own.clock.advanceMs(5 * HOUR_MS);
      expect(((await (await ask()).json()) as SvidsAnswer).svids).toHaveLength(1);
      // The agent's own SVID ends with the issuer, minutes later.
      own.clock.advanceMs(3 * HOUR_MS - 3 * 60_000);
      const before = (await own.records('issuance-begin')).length;
      const response = await ask();
      expect(response.headers.get('retry-after')).toBe('5');
      expect(await problemOf(response)).toMatchObject({ status: 503 });
      expect((await own.records('issuance-begin')).length).toBe(before);
      clear(own);
      own.clock.advanceMs(60_000);
      expect(((await (await ask()).json()) as SvidsAnswer).svids).toHaveLength(1);
      expect((await own.verify()).findings).toEqual([]);
    } finally {
      await own.remove();
    }
  });
});

test('a fault that nobody foresaw is 500 with an instance, by which the log has it and the caller nothing', async () => {
  world.faults.table = ({ operation }) => {
    if (operation === 'query') throw new TypeError('a bug');
    return 'none';
  };
  const response = await administer('GET', PATHS.admin.entries);
  const problem = await problemOf(response);
  expect(problem).toMatchObject({ status: 500, code: 'internal', instance: expect.stringMatching(/^urn:uuid:/) });
  expect(JSON.stringify(problem)).not.toContain('bug');
  expect(world.logs).toContainEqual(
    expect.objectContaining({
      event: 'door-fault',
      instance: problem.instance,
      error: expect.stringContaining('TypeError'),
    }),
  );
});

test('of a batch, what was signed before the records failed is not handed out unrecorded', async () => {
  let segments = 0;
  world.faults.objects = ({ operation, name }) =>
    operation === 'putIfAbsent' && name.startsWith('segments/') && ++segments > 1;
  const response = await post(PATHS.svids, {
    requests: [
      { entryId, csr: csr() },
      { entryId, csr: csr() },
    ],
  });
  expect(response.status).toBe(503);
  expect(await response.text()).not.toContain('MII');
});

test('when all is over the trail is whole', async () => {
  clear(world);
  await administer('GET', PATHS.admin.status);
  expect((await publish(world, POLICIES, { force: true })).status).toBe(201);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  const report = await world.verify();
  expect(report.findings.filter(({ kind }) => kind !== 'issuance-open')).toEqual([]);
  expect(report.ok).toBe(true);
});
