/** Our root key as an intermediate below a company's: what it signs is believed everywhere, and nowhere once it is distrusted. */
import { type AuthorityAnswer, PATHS } from '@postern/api';
import { type Company, type CompanyAuthority, createCompany, missingOpenSsl } from '@postern/ca/testing';
import { createManualClock } from '@postern/store/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callAs, enterWorkload, type Holder, issueWorkload, joinAgent } from './testing/agents.ts';
import { published } from './testing/policies.ts';
import { ask } from './testing/proxies.ts';
import { startWorld, type World } from './testing/world.ts';

/** How long issuing instances and decision points go by what they know. */
const FOLLOWED_MS = 2001;

describe.skipIf(missingOpenSsl !== undefined)('below a company’s root', () => {
  let company: Company;
  let world: World;
  beforeEach(async () => {
    company = createCompany();
    // OpenSSL certifies from now on.
    world = await startWorld({ clock: createManualClock(Date.now() + 5 * 60_000) });
  });
  afterEach(async () => {
    await world.remove();
    company.remove();
  });

  async function operate(body: object): Promise<AuthorityAnswer> {
    const response = await world.admin('POST', PATHS.admin.authority, body);
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as AuthorityAnswer;
  }

  async function rollBelow(authority: CompanyAuthority = company): Promise<void> {
    const { csr = '' } = await operate({ command: 'request' });
    const ours = authority.sign(Buffer.from(csr, 'base64'));
    const given = [...new Set([ours, authority.certificate, company.certificate])];
    const certificates = given.map((der) => Buffer.from(der).toString('base64'));
    const { status } = await operate({ command: 'install', certificates });
    if (!status.keys.root.some(({ phase, generation }) => phase === 'signing' && generation > 1))
      await operate({ command: 'override', key: 'root', reason: 'a drill' });
    world.clock.advanceMs(FOLLOWED_MS);
  }

  const entriesFor = (holder: Holder) =>
    callAs(world, holder, { method: 'GET', target: PATHS.agentEntries }).then(({ status }) => status);

  test.each([
    ['the root itself certified our key', () => company, 2],
    ['one below it did', () => company.below('Company Issuing'), 3],
  ])('what is issued is believed by doors and decision points, where %s', async (_name, authority, above) => {
    await rollBelow(authority());
    const agent = await joinAgent(world, 'node-1');
    expect(agent.chain).toHaveLength(1 + above);
    expect(await entriesFor(agent)).toBe(200);
    const payments = await issueWorkload(world, agent, await enterWorkload(world, agent, '/payments'));
    await published(world);
    world.clock.advanceMs(FOLLOWED_MS);
    expect((await ask(world, payments)).status).toBe(200);
  });

  test('what a distrusted one signed counts for nothing, though the company’s root stays in the bundle', async () => {
    await rollBelow();
    const agent = await joinAgent(world, 'node-1');
    const payments = await issueWorkload(world, agent, await enterWorkload(world, agent, '/payments'));
    await published(world);
    await rollBelow();
    expect(await entriesFor(agent)).toBe(200);
    expect((await ask(world, payments)).status).toBe(200);
    await operate({ command: 'distrust', key: 'root', generation: 2, reason: 'stolen' });
    world.clock.advanceMs(FOLLOWED_MS);
    expect(await entriesFor(agent)).toBe(401);
    expect((await ask(world, payments)).status).toBe(403);
    const anew = await joinAgent(world, 'node-2');
    expect(await entriesFor(anew)).toBe(200);
  });
});
