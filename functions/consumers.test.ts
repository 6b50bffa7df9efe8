/**
 * Whom a new root waits for, by what agents signed and not by what the table says: whoever can write the table, or is an
 * agent himself, makes nobody else seem to know a root.
 */
import { type AgentIdentity, type AuthorityAnswer, type AuthorityWait, PATHS } from '@postern/api';
import { createTestAuthority, createTestLeaf } from '@postern/identity/testing';
import type { Item } from '@postern/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  callAs,
  csrOf,
  enterWorkload,
  type Holder,
  holderOf,
  issueWorkload,
  joinAgent,
  newKey,
  proofOf,
  send,
} from './testing/agents.ts';
import {
  createAttestor,
  createAttestorToken,
  enterAttested,
  issueAttested,
  renewAttested,
} from './testing/attested.ts';
import { startWorld, type World } from './testing/world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let world: World;
let agent: Holder;
beforeEach(async () => {
  world = await startWorld();
  agent = await joinAgent(world, 'node-1');
  const prepared = await world.admin('POST', PATHS.admin.authority, { command: 'prepare', key: 'root' });
  expect(prepared.status).toBe(201);
});
afterEach(() => world.remove());

const targetOf = (bundle: number | string) => `${PATHS.feed}?epoch=&after=0&bundle=${bundle}`;
const pollOf = (bundle: number | string) => ({ method: 'GET', target: targetOf(bundle) }) as const;

/** Functions look at the state anew every two seconds. */
async function report(holder: Holder, bundle: number | string): Promise<Response> {
  world.clock.advanceMs(2_000);
  return callAs(world, holder, pollOf(bundle));
}

async function statusOf() {
  await world.tick();
  const response = await world.admin('GET', PATHS.admin.authority);
  return ((await response.json()) as AuthorityAnswer).status;
}

const phaseOf = async (generation: number) =>
  (await statusOf()).keys.root.find((root) => root.generation === generation)?.phase;

async function waitToSign(): Promise<AuthorityWait | undefined> {
  return (await statusOf()).waits.find(({ key, next }) => key === 'root' && next === 'sign');
}

async function reported(name = agent.spiffeId): Promise<Item | undefined> {
  return world.table.get({ pk: 'consumer', sk: `report#${name}` });
}

const silent = { reason: 'consumers-behind', consumers: [{ name: 'spiffe://demo.test/postern/agent/node-1' }] };

describe('an agent', () => {
  test('that says nothing is waited for until its SVID ends, and no longer', async () => {
    const wait = await waitToSign();
    expect(wait).toMatchObject(silent);
    expect(wait?.consumers?.[0]).not.toHaveProperty('bundleSequence');
    const leftMs = (wait?.untilMs ?? 0) - world.clock.nowMs();
    expect(leftMs).toBeGreaterThan(HOUR_MS);
    world.clock.advanceMs(leftMs - 1);
    expect(await phaseOf(2)).toBe('published');
    world.clock.advanceMs(1);
    expect(await phaseOf(2)).toBe('signing');
  });

  test('that says it has the bundle is waited for no more, once it has been out for three minutes', async () => {
    expect((await report(agent, 1)).status).toBe(200);
    expect(await waitToSign()).toMatchObject({ ...silent, consumers: [{ bundleSequence: 1, root: 1 }] });
    await report(agent, 2);
    expect(await waitToSign()).toMatchObject({ reason: 'published-too-briefly' });
    world.clock.advanceMs(3 * MINUTE_MS);
    expect(await phaseOf(2)).toBe('signing');
  });

  test('that was renewed is one and the same, and waited for by what it says now', async () => {
    await report(agent, 1);
    const renewed = await renew(agent);
    expect(await waitToSign()).toMatchObject(silent);
    await report(renewed, 2);
    expect((await waitToSign())?.reason).toBe('published-too-briefly');
    expect((await statusOf()).consumerCount).toBe(1);
  });

  test('whose SVID leads to the root before is named until it has followed', async () => {
    await report(agent, 2);
    world.clock.advanceMs(3 * MINUTE_MS);
    expect(await phaseOf(2)).toBe('signing');
    const drain = async () => (await statusOf()).waits.find(({ next }) => next === 'distrust');
    await report(agent, 3);
    expect(await drain()).toMatchObject({ generation: 1, consumers: [{ name: agent.spiffeId, root: 1 }] });
    await report(await renew(agent), 3);
    expect((await drain())?.consumers).toBeUndefined();
  });

  test.each([
    ['that has another bundle', () => report(agent, 1)],
    ['that never said anything', async () => {}],
  ])('%s and was revoked is waited for no more', async (_, say) => {
    await say();
    expect(await waitToSign()).toMatchObject(silent);
    const revoke = (more: object) =>
      world.admin('POST', PATHS.admin.revocations, { subject: 'agent:node-1', reason: 'stolen', ...more });
    expect((await revoke({})).status).toBe(201);
    expect((await waitToSign())?.reason).toBe('published-too-briefly');
  });

  async function renew(holder: Holder): Promise<Holder> {
    world.clock.advanceMs(2_000);
    const privateKey = newKey();
    const call = { method: 'POST', target: PATHS.agentRenew, body: { csr: csrOf(privateKey) } } as const;
    const answer = await callAs(world, holder, call);
    expect(answer.status).toBe(201);
    return holderOf((await answer.json()) as AgentIdentity, privateKey);
  }
});

test.each(['0', '-1', '+2', '1e3', '2.0', '0x2', '', '2%20', '9'.repeat(16)])(
  'what is no number of a bundle, `%s`, is refused and not kept',
  async (bundle) => {
    expect((await report(agent, bundle)).status).toBe(400);
    expect(await reported()).toBeUndefined();
  },
);

test('nobody but an agent reports anything, and nobody in another’s name', async () => {
  const other = await joinAgent(world, 'node-2');
  expect((await send(world, pollOf(2), undefined)).status).toBe(401);
  const stolen = await proofOf(world, other, pollOf(2), { chain: agent.chain });
  expect((await send(world, pollOf(2), stolen)).status).toBe(401);
  const workload = await issueWorkload(world, agent, await enterWorkload(world, agent, '/payments'));
  expect((await report(workload, 2)).status).toBe(401);
  expect(await reported()).toBeUndefined();
  await report(other, 2);
  expect(await waitToSign()).toMatchObject({ consumerCount: 1, ...silent });
});

describe('a workload without an agent', () => {
  const attestedWith = (bundle: number) => `workloads attested with bundle ${bundle}`;
  async function attest(): Promise<Holder> {
    await createAttestor(world, { name: 'bare', kind: 'join-token' });
    await enterAttested(world, 'bare', '/bare/{join:name}', ['join:name:press-1']);
    return issueAttested(world, { attestor: 'bare', proof: await createAttestorToken(world, 'bare', 'press-1') });
  }

  test('has the bundle that came with its SVID: with the newest it holds nobody up', async () => {
    world.clock.advanceMs(2_000);
    await attest();
    await report(agent, 2);
    expect((await statusOf()).consumerCount).toBe(2);
    expect((await waitToSign())?.reason).toBe('published-too-briefly');
  });

  test('that has the one before is waited for until its SVID has ended', async () => {
    // It was attested a moment before functions know of the new bundle.
    await attest();
    await report(agent, 2);
    const wait = await waitToSign();
    expect(wait).toMatchObject({
      reason: 'consumers-behind',
      consumerCount: 1,
      consumers: [{ name: attestedWith(1), bundleSequence: 1 }],
    });
    // Four hours, up to the full one.
    const leftMs = (wait?.untilMs ?? 0) - world.clock.nowMs();
    expect(leftMs).toBeGreaterThan(4 * HOUR_MS - MINUTE_MS);
    expect(leftMs).toBeLessThanOrEqual(5 * HOUR_MS);
    world.clock.advanceMs(leftMs - 1);
    expect(await phaseOf(2)).toBe('published');
    world.clock.advanceMs(1);
    expect(await phaseOf(2)).toBe('signing');
  });
});

describe('a workload without an agent that may renew', () => {
  // Each was attested a moment before functions know of the new bundle.
  const attest = async (name: string) => {
    await enterAttested(world, 'bare', `/bare/${name}`, [`join:name:${name}`]);
    return issueAttested(world, { attestor: 'bare', proof: await createAttestorToken(world, 'bare', name) });
  };
  beforeEach(async () => {
    await createAttestor(world, { name: 'bare', kind: 'join-token', isRenewable: true });
    await createAttestor(world, { name: 'renewal', kind: 'x509-svid', renews: ['bare'] });
  });

  test('is waited for no more when it has renewed; others that have not are', async () => {
    const [one, other] = [await attest('press-1'), await attest('press-2')];
    await report(agent, 2);
    expect(await waitToSign()).toMatchObject({ consumers: [{ name: 'workloads attested with bundle 1' }] });
    expect((await renewAttested(world, one, 'renewal')).status).toBe(201);
    expect(await waitToSign()).toMatchObject({ consumers: [{ name: 'workloads attested with bundle 1' }] });
    expect((await renewAttested(world, other, 'renewal')).status).toBe(201);
    expect((await waitToSign())?.reason).toBe('published-too-briefly');
  });

  test('and does not is waited for until its SVID has ended, to the second', async () => {
    const { answer } = await attest('press-1');
    await report(agent, 2);
    expect((await waitToSign())?.untilMs).toBe(answer.svids[0]?.notAfterMs);
  });
});

test('nobody is asked for by a tick while no key waits for anybody', async () => {
  let queries = 0;
  world.faults.table = ({ operation, pks }) => {
    if (operation === 'query' && pks.includes('consumer')) queries += 1;
    return 'none';
  };
  await world.tick();
  expect(queries).toBeGreaterThan(0);
  await report(agent, 2);
  world.clock.advanceMs(3 * MINUTE_MS);
  await world.tick();
  queries = 0;
  await world.tick();
  expect(queries).toBe(0);
});

test('an agent that claims a bundle to come knows none of those that are', async () => {
  await report(agent, 999_999);
  expect(await waitToSign()).toMatchObject(silent);
  expect((await waitToSign())?.consumers?.[0]).not.toHaveProperty('bundleSequence');
});

describe('whoever merely writes the table', () => {
  interface Forged {
    readonly by?: Holder;
    /** The bundle that the proof names, and the one that the item says. */
    readonly proven?: number;
    readonly bundle?: number;
    readonly change?: Parameters<typeof proofOf>[3];
    readonly attributes?: Item['attributes'];
  }

  async function put({ by = agent, proven = 2, bundle = proven, change, attributes }: Forged): Promise<void> {
    const proof = await proofOf(world, by, pollOf(proven), change);
    const said = { bundleSequence: bundle, proof, target: targetOf(bundle), audience: world.trust.url };
    const item = { pk: 'consumer', sk: `report#${agent.spiffeId}` };
    await world.table.put({ ...item, attributes: { ...said, atMs: world.clock.nowMs(), ...attributes } });
  }

  test('is believed where all of it is right, so that the rows below fail for their own reason', async () => {
    await put({});
    expect((await waitToSign())?.reason).toBe('published-too-briefly');
  });

  /** All the same as the agent’s, but for the authority. */
  function foreign(): Holder {
    const nowMs = world.clock.nowMs();
    const issuer = createTestAuthority({ trustDomain: 'demo.test', nowMs });
    const times = { notBeforeMs: nowMs - MINUTE_MS, notAfterMs: nowMs + HOUR_MS };
    const leaf = createTestLeaf({ issuer, uris: [agent.spiffeId], ...times });
    const { serial, privateKey } = leaf;
    return { spiffeId: agent.spiffeId, serial, chain: [leaf.certificate, issuer.certificate], privateKey };
  }

  const forgeries: readonly (readonly [string, () => Promise<Forged> | Forged])[] = [
    ['a number and no proof', () => ({ attributes: { proof: '' } })],
    ['a proof that is none', () => ({ attributes: { proof: 'a.b.c' } })],
    ['a proof that is no text', () => ({ attributes: { proof: 7 } })],
    ['a number other than the agent signed', () => ({ proven: 1, bundle: 2 })],
    ['a target without a number', () => ({ attributes: { target: PATHS.feed } })],
    ['two numbers, of which one was signed', () => ({ attributes: { target: `${targetOf(1)}&bundle=2` } })],
    ['a call of another kind', () => ({ change: { method: 'POST' } })],
    ['a call of another trust domain', () => ({ change: { trustDomain: 'other.test' } })],
    ['a call for another control plane', () => ({ change: { audience: 'https://elsewhere.test' } })],
    ['a moment long before it was signed', () => ({ attributes: { atMs: world.clock.nowMs() - 2 * MINUTE_MS } })],
    ['a moment long after it was signed', () => ({ attributes: { atMs: world.clock.nowMs() + 2 * MINUTE_MS } })],
    ['no moment', () => ({ attributes: { atMs: 'now' } })],
    ['a signature by another key', () => ({ change: { key: newKey() } })],
    ['an SVID by a foreign authority', () => ({ by: foreign() })],
    ['the report of another agent', async () => ({ by: await joinAgent(world, 'node-2') })],
    [
      'the report of a workload',
      async () => ({ by: await issueWorkload(world, agent, await enterWorkload(world, agent, '/payments')) }),
    ],
  ];
  test.each(forgeries)('and puts %s there is not believed', async (_, forged) => {
    await put(await forged());
    const wait = await waitToSign();
    const node1 = wait?.consumers?.find(({ name }) => name === agent.spiffeId);
    expect(wait?.reason).toBe('consumers-behind');
    expect(node1).toEqual({ name: agent.spiffeId, untilMs: expect.any(Number) });
  });

  test('and puts an older report back makes it wait again, and nothing else', async () => {
    await report(agent, 1);
    const old = await reported();
    await report(agent, 2);
    expect((await waitToSign())?.reason).toBe('published-too-briefly');
    await world.table.put(old as Item);
    expect(await waitToSign()).toMatchObject({ ...silent, consumers: [{ bundleSequence: 1 }] });
  });

  test('and keeps a report for longer than its SVID lives keeps nothing', async () => {
    await report(agent, 2);
    const kept = (await reported()) as Item;
    const until = (await statusOf()).waits.length;
    expect(until).toBeGreaterThan(0);
    world.clock.advanceMs(24 * HOUR_MS);
    await world.table.put({ pk: kept.pk, sk: kept.sk, attributes: kept.attributes });
    expect((await statusOf()).consumerCount).toBe(0);
  });

  test('and adds names has them waited for until the time that he gave', async () => {
    const untilMs = world.clock.nowMs() + 10 * MINUTE_MS;
    const sk = 'live#spiffe://demo.test/postern/agent/nobody';
    await world.table.put({ pk: 'consumer', sk, attributes: { untilMs } });
    await report(agent, 2);
    expect(await waitToSign()).toMatchObject({ reason: 'consumers-behind', consumerCount: 1, untilMs });
    world.clock.advanceMs(10 * MINUTE_MS);
    expect(await phaseOf(2)).toBe('signing');
  });

  test.each<Item['attributes']>([{}, { untilMs: 'soon' }, { untilMs: -1 }])(
    'and puts %j there has nobody waited for',
    async (attributes) => {
      await report(agent, 2);
      await world.table.put({ pk: 'consumer', sk: 'live#x', attributes });
      await world.table.put({ pk: 'consumer', sk: 'of-no-kind', attributes });
      await world.table.put({ pk: 'consumer', sk: 'attested#2#9', attributes });
      await world.table.put({ pk: 'consumer', sk: 'renewing#00ff', attributes });
      expect((await waitToSign())?.reason).toBe('published-too-briefly');
    },
  );
});

test('more than can be looked at are waited for, and keep no operator from seeing and deciding', {
  timeout: 60_000,
}, async () => {
  const untilMs = world.clock.nowMs() + HOUR_MS;
  const writes = Array.from({ length: 100_000 }, (_, index) => ({
    put: { pk: 'consumer', sk: `renewing#${index}`, attributes: { untilMs, bundleSequence: 2 } },
  }));
  const parts = Array.from({ length: 1000 }, (_, part) => writes.slice(part * 100, part * 100 + 100));
  await Promise.all(parts.map((part) => world.table.transact(part)));
  await report(agent, 2);
  world.clock.advanceMs(4 * MINUTE_MS);
  const { waits } = await statusOf();
  const behind = waits.flatMap(({ consumers = [] }) => consumers.map(({ name }) => name));
  expect(behind).toContain('those beyond the first 100000, who were not looked at');
  expect(await phaseOf(2)).toBe('published');
  const override = { command: 'override', key: 'root', reason: 'a flood' };
  expect((await world.admin('POST', PATHS.admin.authority, override)).status).toBe(201);
  expect(await phaseOf(2)).toBe('signing');
});
