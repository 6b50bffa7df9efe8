/** An agent that has an SVID, started again with a token: a new one lets it back in, an old one is not shown again. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Agent, startAgent } from '@postern/agent';
import { type JoinTokenAnswer, PATHS } from '@postern/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';

let node: TestNode;
let agent: Agent;
beforeAll(async () => {
  node = await startTestNode(MINIMAL_POLICIES);
  agent = node.agent;
});
afterAll(async () => {
  await agent?.stop();
  await node?.plane.stop();
  if (node !== undefined) await rm(node.dir, { recursive: true, force: true });
});

const createToken = async (agentName = 'node') =>
  (await node.admin<JoinTokenAnswer>('POST', PATHS.admin.joinTokens, { agentName })).token;

/** What it logged of joining, and its SVID's serial. */
async function restart(joinToken: string) {
  await agent.stop();
  const joins: { event: string; reason: unknown }[] = [];
  agent = await startAgent({
    dir: join(node.dir, 'agent'),
    joinToken,
    workloadApiSocket: node.socket,
    auditMode: 'batched',
    log: (_, event, fields) => {
      if (event.startsWith('join')) joins.push({ event, reason: fields?.['reason'] });
    },
  });
  return { joins, serial: agent.serial() };
}

test('an agent that was revoked and given back joins anew with a new token, in its old folder', async () => {
  const subject = 'agent:node';
  const revoked = agent.serial();
  await node.admin('POST', PATHS.admin.revocations, { subject, reason: 'test' });
  await node.admin('POST', PATHS.admin.revocations, { subject, reason: 'test', lift: true });
  const token = await createToken();
  const anew = await restart(token);
  expect(anew.joins).toEqual([{ event: 'joined', reason: undefined }]);
  expect(anew.serial).not.toBe(revoked);
  await agent.ready(20_000);
  // The file of the token stays where it was, and the next start is not the next join.
  expect(await restart(token)).toEqual({ joins: [], serial: anew.serial });
}, 60_000);

test('a token that lets nobody in costs the agent nothing that it has', async () => {
  const { serial } = agent;
  const before = serial();
  const used = await createToken();
  await restart(used);
  const other = await createToken();
  const afterOther = await restart(other);
  expect(afterOther.serial).not.toBe(before);
  expect(await restart(used)).toEqual({
    joins: [{ event: 'join-refused', reason: 'not-authenticated' }],
    serial: afterOther.serial,
  });
  expect(await restart('no token at all')).toEqual({
    joins: [{ event: 'join-refused', reason: 'join-token-malformed' }],
    serial: afterOther.serial,
  });
  await agent.ready(20_000);
}, 60_000);
