/** From a word to the control plane until a real agent’s ext_authz refuses: entries, agents, and what they hold. */
import { request } from 'node:http';
import { PATHS, type RevocationAnswer } from '@postern/api';
import { encodePem } from '@postern/der';
import { type Called, enterWorkload, type Holder, issueWorkload, joinAgent } from '@postern/functions/testing/agents';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../interop/node.ts';
import { waitUntil } from '../kit/wait.ts';

/** The agent is asked for what is new this often, where nothing tells it. */
const FEED_MS = 100;
/** Of which most is the machine that runs everything else too. */
const AT_ONCE_MS = 5000;

const POLICIES = {
  'postern.yaml': 'teams:\n  shop: {}\n',
  'services/app.yaml':
    'name: app\nowner: shop\nhosts: [app.demo.test]\nspiffeIds: [spiffe://demo.test/app]\nenforcementPoints: [spiffe://demo.test/app]\nuser: none\n',
  'org/all.cedar': '@id("org-all")\npermit (principal, action, resource);\n',
};

let node: TestNode;
let plane: Called;
beforeAll(async () => {
  node = await startTestNode(POLICIES, { authorizes: true, pace: { feedMs: FEED_MS } });
  plane = {
    url: node.plane.url,
    trust: node.plane.trust,
    clock: { nowMs: Date.now },
    admin: (method, path, body, headers = { authorization: `Bearer ${node.administratorToken}` }) =>
      fetch(node.plane.url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }),
  };
  // This process asks as the proxy of the service does.
  await node.enter('app', process.execPath);
  await node.agent.ready(20_000);
});
afterAll(() => node?.stop());

/** What the agent says of a call that shows the certificate. */
function ask({ chain }: Holder): Promise<number> {
  const headers = {
    host: 'app.demo.test',
    'x-postern-service': 'app',
    'x-postern-method': 'GET',
    'x-postern-target': '/x',
    'x-postern-authority': 'app.demo.test',
    'x-postern-scheme': 'https',
    'x-postern-peer-certificate': encodeURIComponent(encodePem('CERTIFICATE', chain[0] as Uint8Array)),
    'x-postern-source-address': '192.0.2.7',
  };
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: node.authzHttpSocket, path: '/check', headers, agent: false }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    asking.on('error', reject);
    asking.end();
  });
}

const revoke = (subject: string, members: object = {}) =>
  node.admin<RevocationAnswer>('POST', PATHS.admin.revocations, { subject, reason: 'test', ...members });

async function isAllowed(holder: Holder): Promise<void> {
  await waitUntil('the agent to know the issuer', 10_000, async () => (await ask(holder)) === 200);
}

async function isRefusedAtOnce(holder: Holder): Promise<void> {
  await waitUntil('the agent to refuse', AT_ONCE_MS, async () => (await ask(holder)) === 403);
  await waitUntil('the record of why', 20_000, async () => {
    const target = `${PATHS.admin.records}?kind=decision&limit=100`;
    const { records } = await node.admin<{ records: { reason?: string }[] }>('GET', target);
    return records.some((record) => JSON.stringify(record).includes('svid-revoked'));
  });
}

describe('a decision point refuses at once', () => {
  test('what an entry was issued, when the entry is revoked, and nothing of other entries', async () => {
    const agent = await joinAgent(plane, 'node-2');
    const entryId = await enterWorkload(plane, agent, '/caller-a');
    const held = [await issueWorkload(plane, agent, entryId), await issueWorkload(plane, agent, entryId)];
    const other = await issueWorkload(plane, agent, await enterWorkload(plane, agent, '/caller-b'));
    for (const holder of [...held, other]) await isAllowed(holder);
    expect(await revoke(`entry:${entryId}`)).toMatchObject({ svids: 2, isApplied: true });
    for (const holder of held) await isRefusedAtOnce(holder);
    expect(await ask(other)).toBe(200);
    // Given back: what is issued from then on counts, what was revoked does not.
    await revoke(`entry:${entryId}`, { lift: true });
    await isAllowed(await issueWorkload(plane, agent, entryId));
    for (const holder of held) expect(await ask(holder)).toBe(403);
  });

  test('what an agent fetched and is, when the agent is revoked, and nothing of other agents', async () => {
    const [lost, other] = [await joinAgent(plane, 'node-3'), await joinAgent(plane, 'node-4')];
    const held = await issueWorkload(plane, lost, await enterWorkload(plane, lost, '/caller-c'));
    const others = await issueWorkload(plane, other, await enterWorkload(plane, other, '/caller-d'));
    for (const holder of [held, others, lost]) await isAllowed(holder);
    expect(await revoke('agent:node-3')).toMatchObject({ isApplied: true });
    for (const holder of [held, lost]) await isRefusedAtOnce(holder);
    for (const holder of [others, other]) expect(await ask(holder)).toBe(200);
  });
});
