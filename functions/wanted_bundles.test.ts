import { PATHS } from '@postern/api';
import { type TestAuthority, urlEncodedPem } from '@postern/identity/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { callAs, enterWorkload, type Holder, issueWorkload, joinAgent } from './testing/agents.ts';
import { expectRefused } from './testing/answers.ts';
import { type ForeignDomain, startForeignDomain } from './testing/foreign_domain.ts';
import { published } from './testing/policies.ts';
import { ask, FACTS } from './testing/proxies.ts';
import { startWorld, type World } from './testing/world.ts';

const OTHER = 'other.test';
const MINUTE_MS = 60_000;

let world: World;
let agent: Holder;
let payments: Holder;
let other: ForeignDomain;

beforeAll(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
  payments = await issueWorkload(world, agent, await enterWorkload(world, agent, '/payments'));
  await published(world);
  other = await startForeignDomain(OTHER, world.clock);
  expect((await world.admin('POST', PATHS.admin.federations, other.relationship())).status).toBe(201);
  await world.tick();
  expect(other.fetches).toBe(1);
});
afterAll(async () => {
  other.close();
  await world.remove();
});
/** Long enough that nothing of an earlier test is still within its minute. */
beforeEach(async () => {
  world.clock.advanceMs(2 * MINUTE_MS);
  await world.tick();
  other.fetches = 0;
});

const poll = (wanted: string) => ({
  method: 'GET' as const,
  target: `${PATHS.feed}?epoch=&after=0&bundle=1&wanted=${wanted}`,
});
/** A caller at a proxy, by a certificate of this authority. */
const call = (issuer: TestAuthority) =>
  ask(world, payments, {
    ...FACTS,
    'x-postern-peer-certificate': urlEncodedPem(other.leafOf(issuer, '/web').certificate),
  });
const reasonOf = async (answer: Awaited<ReturnType<typeof call>>) => {
  const { decision } = JSON.parse(answer.body) as { decision: string };
  return (await world.recordOf('decision', ({ id }) => id === decision))?.reason;
};

test('an authority that a decision point does not know yet has the bundle fetched, and counts then', async () => {
  const newest = other.newAuthority();
  other.authorities.push(newest);
  other.sequence += 1;
  expect(await reasonOf(await call(newest))).toBe('svid-untrusted');
  await world.tick();
  expect(other.fetches).toBe(1);
  world.clock.advanceMs(1001);
  // Known now; what policies say of it is another matter.
  expect(await reasonOf(await call(newest))).toBe('no-permit');
});

test('a key that an agent does not know has it fetched by what the agent says when it polls', async () => {
  expect((await callAs(world, agent, poll(OTHER))).status).toBe(200);
  await world.tick();
  expect(other.fetches).toBe(1);
  // That wish has had its answer.
  world.clock.advanceMs(2 * MINUTE_MS);
  await world.tick();
  expect(other.fetches).toBe(1);
});

test('a flood of unknown authorities and keys has it fetched once a minute', async () => {
  const stranger = other.newAuthority();
  for (let second = 0; second < 150; second += 10) {
    await Promise.all([call(stranger), call(stranger), callAs(world, agent, poll(OTHER))]);
    await world.tick();
    world.clock.advanceMs(10_000);
  }
  expect(other.fetches).toBe(3);
});

test('nobody has us fetch, or write, for a trust domain that was never federated, nor for our own', async () => {
  const before = world.effects();
  for (const name of ['nobody.test', 'demo.test']) expect((await callAs(world, agent, poll(name))).status).toBe(200);
  expect(world.effects().writes.filter((pk) => pk === 'wanted-bundle')).toEqual(
    before.writes.filter((pk) => pk === 'wanted-bundle'),
  );
});

test('what is no trust domain is refused', async () => {
  await expectRefused(world, () => callAs(world, agent, poll('Other.test%00')), {
    status: 400,
    code: 'malformed-request',
    door: 'feed GET /v1/feed',
    reason: 'wanted-bundle-malformed',
  });
});

test('whoever writes a wish into the table causes one fetch a minute, and nothing else', async () => {
  const wish = { pk: 'wanted-bundle', sk: OTHER, attributes: { atMs: Number.MAX_SAFE_INTEGER } };
  await world.table.put(wish);
  for (const name of ['nobody.test', '\u0000', 'x'.repeat(500)]) await world.table.put({ ...wish, sk: name });
  await world.table.put({ ...wish, sk: 'text.test', attributes: { atMs: 'now' } });
  for (let each = 0; each < 4; each++) {
    await world.tick();
    world.clock.advanceMs(15_000);
  }
  expect(other.fetches).toBe(1);
  await world.table.delete({ pk: 'wanted-bundle', sk: OTHER });
});

test('an agent has its feed, and a proxy its answer, where no wish can be written', async () => {
  world.faults.table = ({ operation, pks }) => operation === 'put' && pks.includes('wanted-bundle');
  try {
    expect((await callAs(world, agent, poll(OTHER))).status).toBe(200);
    expect(await reasonOf(await call(other.newAuthority()))).toBe('svid-untrusted');
  } finally {
    delete world.faults.table;
  }
});
