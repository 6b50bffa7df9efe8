import { type EnvoyConfigInput, renderEnvoyConfig } from '@postern/agent';
import { PATHS } from '@postern/api';
import { callAs, createJoinToken, csrOf, join, newKey } from '@postern/functions/testing/agents';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fault } from '../kit/cloud/fault_proxy.ts';
import { describeWithTool } from '../kit/tools.ts';
import { type CloudWorld, type ServiceName, startCloudWorld } from './cloud_world.ts';
import { DOOR_NAMES, type DoorName, type Effects, type Outcome, openDoors } from './doors.ts';

/** What a service that fails takes with it. The rest is served, from what was read before or with what is still there. */
type Row = [service: ServiceName, fault: Fault, unavailable: readonly DoorName[]];
const ALL = DOOR_NAMES;
const WHAT_RECORDS = ['authorize', 'issue', 'admin', 'publish'] as const;

const WARM: readonly Row[] = [
  ['dynamodb', 'throttle', ALL],
  ['dynamodb', 'deny', ALL],
  ['dynamodb', 'refuse', ALL],
  ['dynamodb', 'hang', ALL],
  // Each leaves a record, and records are objects.
  ['s3', 'refuse', WHAT_RECORDS],
  // Only a release is signed in KMS itself; MAC keys were derived, issuers and feed keys certified before.
  ['kms', 'deny', ['publish']],
  ['kms', 'refuse', ['publish']],
  ['rotate', 'refuse', []],
];
const COLD: readonly Row[] = [
  ['kms', 'refuse', ALL],
  // What `feed` starts with is in the table.
  ['s3', 'refuse', ALL.filter((name) => name !== 'feed')],
  ['rotate', 'refuse', ALL],
];

/** As the template says, whoever asks. */
function authorizeTimeoutMs(): number {
  const input: EnvoyConfigInput = {
    service: 'payments',
    trustDomain: 'demo.test',
    spiffeId: 'spiffe://demo.test/payments',
    listen: { address: '127.0.0.1', port: 0 },
    upstreamApp: { address: '127.0.0.1', port: 1 },
    agentSocket: '/nowhere',
    authz: { kind: 'function-url', url: 'https://x.lambda-url.eu-central-1.on.aws/', region: 'eu-central-1' },
  };
  const [, seconds] = /"server_uri":\{[^{}]*"timeout":"(\d+)s"/.exec(JSON.stringify(renderEnvoyConfig(input))) ?? [];
  return Number(seconds) * 1000;
}

describeWithTool('the deployed functions, when what they need fails', ['ministack', 'envoy'], ({ envoy }) => {
  let world: CloudWorld;
  let doors: Awaited<ReturnType<typeof openDoors>>;
  /** Decisions of the agent, all of which let a request through. */
  const byAgent: string[] = [];

  beforeAll(async () => {
    world = await startCloudWorld(envoy);
    doors = await openDoors(world);
    await askAll();
  });
  afterAll(() => world?.stop());
  afterEach(() => world.recover());

  async function askAll(): Promise<Readonly<Record<DoorName, Outcome>>> {
    const asked = await Promise.all(DOOR_NAMES.map(async (name) => [name, await doors[name]()] as const));
    return Object.fromEntries(asked) as Record<DoorName, Outcome>;
  }

  /** Two that call at once start an instance more, which a fault may keep from starting: whoever calls again finds another. */
  async function askAgain(name: DoorName, outcome: Outcome): Promise<Outcome> {
    for (let tries = 0; outcome.status === 503 && tries < 3; tries++) outcome = await doors[name]();
    return outcome;
  }

  /** Any of several instances may be asked: each that there is has made its keys by then. */
  async function warmUp(): Promise<void> {
    const several = (name: DoorName) => [doors[name](), doors[name](), doors[name]()];
    await Promise.all([...several('issue'), ...several('feed')]);
  }

  /** Asks every door while a service fails, then holds what came of it against what was answered. */
  async function expectUnder([service, fault, unavailable]: Row, start: 'warm' | 'cold'): Promise<void> {
    if (start === 'warm') await warmUp();
    const before = await doors.effects();
    await world.proxies[service].set(fault);
    // Now, and not before: the demo's agent asks all the time, and would start one in time.
    if (start === 'cold') await world.restart(...DOOR_NAMES);
    const [asked, agent] = await Promise.all([askAll(), world.askAgent()]);
    const outcomes = { ...asked };
    for (const name of DOOR_NAMES.filter((name) => !unavailable.includes(name)))
      outcomes[name] = await askAgain(name, asked[name]);
    // The agent decides from what it has, whatever is away.
    expect(agent.status).toBe(200);
    byAgent.push(agent.decisionId!);
    const refused = DOOR_NAMES.filter((name) => outcomes[name].status === 503);
    expect(refused).toEqual(unavailable);
    for (const name of refused.filter((name) => name !== 'authorize'))
      expect(Number(outcomes[name].retryAfter), name).toBeGreaterThan(0);
    for (const name of DOOR_NAMES) if (!refused.includes(name)) expect(outcomes[name].status, name).toBeLessThan(300);

    await world.recover();
    // What was refused did nothing, what was served did it once.
    const wasServed = (name: DoorName) => Number(!refused.includes(name));
    const expected: Effects = {
      issued: before.issued + wasServed('issue'),
      entries: before.entries + wasServed('admin'),
      releaseNumber: before.releaseNumber + wasServed('publish'),
    };
    expect(await doors.effects()).toEqual(expected);

    const again = await askAll();
    for (const name of DOOR_NAMES) expect(again[name].status, `${name}, afterwards`).toBeLessThan(300);
    await expectNothingLost();
  }

  /** `authorize` answers when its record is durable; what an agent has recorded is delivered soon after. */
  async function expectNothingLost(ids: readonly string[] = world.letThrough): Promise<void> {
    const records = await world.readTrail();
    const lost = ids.filter((id) => {
      const record = records.get(id);
      return record?.kind !== 'decision' || record.outcome !== 'allow';
    });
    expect(lost).toEqual([]);
  }

  describe('while instances run', () => {
    test.each(WARM)('%s: %s takes %j with it, nothing is half done, nothing is lost', async (...row) => {
      await expectUnder(row, 'warm');
    });
  });

  describe('when instances start', () => {
    test.each(COLD)('%s: %s takes %j with it, nothing is half done, nothing is lost', async (...row) => {
      await expectUnder(row, 'cold');
    });
  });

  describe('an answer of DynamoDB that gets lost', () => {
    test.each(['PutItem', 'UpdateItem', 'TransactWriteItems'])(
      '%s: nobody is let in without a record',
      async (operation) => {
        await world.proxies.dynamodb.set('lose', [operation]);
        const outcomes = await askAll();
        for (const name of DOOR_NAMES) expect([200, 201, 503], name).toContain(outcomes[name].status);
        await world.recover();
        expect((await doors.issue()).status).toBe(200);
        expect((await doors.publish()).status).toBe(201);
        await expectNothingLost();
      },
    );
  });

  describe('a node that joins', () => {
    const joinWith = (token: string) => join(doors.agents, { token, csr: csrOf(newKey()) });
    let joins = 0;

    async function createToken(): Promise<{ token: string; agentId: string }> {
      const name = `late-node-${++joins}`;
      return { token: await createJoinToken(doors.agents, name), agentId: `spiffe://demo.test/postern/agent/${name}` };
    }
    async function expectFailure(token: string): Promise<void> {
      const failed = await joinWith(token);
      expect(failed.status).toBe(503);
      expect(Number(failed.headers.get('retry-after'))).toBeGreaterThan(0);
      await world.recover();
    }
    async function kindsOf(agentId: string): Promise<readonly string[]> {
      const records = [...(await world.readTrail()).values()];
      return records.flatMap((record) => {
        const isAbout =
          'spiffeId' in record ? record.spiffeId === agentId : 'agentId' in record && record.agentId === agentId;
        return isAbout ? [record.kind] : [];
      });
    }

    test('keeps its token while DynamoDB is away, and joins with it afterwards', async () => {
      const { token, agentId } = await createToken();
      await world.proxies.dynamodb.set('refuse');
      await expectFailure(token);
      expect(await kindsOf(agentId)).toEqual([]);
      expect((await joinWith(token)).status).toBe(201);
      expect(await kindsOf(agentId)).toEqual(['issuance-begin', 'issuance-complete', 'join']);
    });

    test('keeps its token when no instance can start', async () => {
      const { token } = await createToken();
      await world.proxies.kms.set('refuse');
      await world.restart('issue');
      await expectFailure(token);
      expect((await joinWith(token)).status).toBe(201);
    });

    // What issuing needs is fetched, and a record goes ahead, before the token is spent.
    test.each(['s3', 'rotate'] as const)(
      'keeps its token when %s is away: nothing is signed, and it joins with it afterwards',
      async (service) => {
        const { token, agentId } = await createToken();
        await world.restart('issue');
        // Starts an instance that has no issuer and no producer of records yet.
        await callAs(doors.agents, doors.node, { method: 'GET', target: PATHS.agentEntries });
        await world.proxies[service].set('refuse');
        await expectFailure(token);
        expect(await kindsOf(agentId)).toEqual([]);
        expect((await joinWith(token)).status).toBe(201);
        expect((await joinWith(token)).status).toBe(401);
      },
    );
  });

  describe('Envoy’s time-out', () => {
    const STARTS = 2;

    test('is longer than a cold start of `authorize`', async () => {
      const timeoutMs = authorizeTimeoutMs();
      expect(timeoutMs).toBeGreaterThanOrEqual(1000);
      for (let start = 0; start < STARTS; start++) {
        await world.restart('authorize');
        const { status, tookMs } = await world.askAuthorize();
        expect(status).toBe(200);
        expect(tookMs).toBeLessThan(timeoutMs);
      }
      await expectNothingLost();
    });

    test('ends the wait for a cold start beyond it with 503, and lets nobody in', async () => {
      await world.proxies.kms.set('hang');
      await world.restart('authorize');
      const { status, decisionId, tookMs } = await world.askAuthorize();
      expect({ status, decisionId }).toEqual({ status: 503, decisionId: undefined });
      expect(tookMs).toBeGreaterThan(authorizeTimeoutMs() - 100);
      expect(tookMs).toBeLessThan(authorizeTimeoutMs() + 2000);
    });
  });

  test('what the agent let through meanwhile has its record too, once it could deliver it', async () => {
    expect(byAgent).toHaveLength(WARM.length + COLD.length);
    await expect.poll(() => expectNothingLost(byAgent).then(() => true), { timeout: 60_000 }).toBe(true);
  });

  test('the release that the head names is there', async () => {
    const { releaseNumber } = await world.status();
    const target = PATHS.release(releaseNumber);
    expect((await callAs(doors.agents, doors.node, { method: 'GET', target })).status).toBe(200);
  });
});
