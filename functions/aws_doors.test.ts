/** What AWS vouches for, at functions as they are deployed: roles that sign their calls, and machines that become agents. */
import { type AgentIdentity, type AttestedSvidsAnswer, PATHS, type Problem } from '@postern/api';
import { type Certified, createCertificate, missingOpenSsl, signDocument } from '@postern/identity/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csrOf, newKey } from './testing/agents.ts';
import { ADMINISTRATOR, jsonOf, openSeparately, type Separate } from './testing/separate.ts';

const ACCOUNT = '111122223333';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/orders-function`;
let separate: Separate;

const administer = async (path: string, body: object) => {
  const answer = await separate.call('admin', { method: 'POST', target: path, principal: ADMINISTRATOR, body });
  if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${Buffer.from(answer.body)}`);
};

beforeAll(async () => {
  separate = await openSeparately();
  await administer(PATHS.admin.attestors, {
    name: 'functions',
    kind: 'aws-iam',
    makes: 'workload',
    accounts: [ACCOUNT],
  });
  await administer(PATHS.admin.entries, {
    spiffeId: 'spiffe://demo.test/orders',
    parentId: 'spiffe://demo.test/postern/attestor/functions',
    selectors: [`aws:account:${ACCOUNT}`, 'aws:role:orders-function'],
  });
});
afterAll(() => separate.remove());

const ask = (call: object, csr = csrOf(newKey())) =>
  separate.call('issue', { method: 'POST', target: PATHS.svidsAwsIam, body: { attestor: 'functions', csr }, ...call });

describe('a Lambda function', () => {
  test('is its role, as the platform says, and gets its SVID for one signed call', async () => {
    const answer = await ask({ principal: ROLE });
    expect(answer.status).toBe(201);
    expect(jsonOf<AttestedSvidsAnswer>(answer).svids).toMatchObject([{ spiffeId: 'spiffe://demo.test/orders' }]);
  });

  test('gets no second one for the same signed call', async () => {
    const csr = csrOf(newKey());
    expect((await ask({ principal: ROLE }, csr)).status).toBe(201);
    expect((await ask({ principal: ROLE }, csr)).status).toBe(401);
  });

  test.each([
    ['another role', { principal: `arn:aws:iam::${ACCOUNT}:role/other` }, 403],
    ['a role of another account', { principal: 'arn:aws:iam::444455556666:role/orders-function' }, 401],
    [
      'nobody, whatever the headers say',
      {
        headers: [
          ['x-amzn-principal', ROLE],
          ['x-forwarded-user', ROLE],
        ],
      },
      404,
    ],
  ])('is not %s', async (_, call, status) => {
    expect((await ask(call)).status).toBe(status);
  });

  test('learns its selectors when nobody has entered it', async () => {
    const answer = await ask({ principal: `arn:aws:iam::${ACCOUNT}:role/other` });
    expect(jsonOf<Problem>(answer)).toMatchObject({
      code: 'not-permitted',
      selectors: [`aws:account:${ACCOUNT}`, `aws:arn:arn:aws:iam::${ACCOUNT}:role/other`, 'aws:role:other'],
    });
  });

  test('is nobody at the door that IAM does not guard, whatever the platform might say there', async () => {
    expect((await ask({ target: PATHS.svidsAttested, principal: ROLE })).status).toBe(401);
  });
});

describe.skipIf(missingOpenSsl !== undefined)('an EC2 instance', () => {
  let aws: Certified;
  beforeAll(async () => {
    aws = createCertificate();
    await administer(PATHS.admin.attestors, {
      name: 'machines',
      kind: 'aws-ec2',
      makes: 'agent',
      agentName: '{aws:account}-{aws:instance}',
      accounts: [ACCOUNT],
      certificates: { 'test-east-1': aws.certificate },
    });
  });
  const document = (instanceId: string) =>
    JSON.stringify({
      accountId: ACCOUNT,
      instanceId,
      region: 'test-east-1',
      pendingTime: new Date(separate.clock.nowMs() - 60_000).toISOString().replace('.000', ''),
    });
  const join = (instanceId: string, csr = csrOf(newKey())) =>
    separate.call('issue', {
      method: 'POST',
      target: PATHS.agentJoin,
      body: { attestor: 'machines', proof: signDocument(document(instanceId), aws, ['-stream', '-nocerts']), csr },
    });

  test('joins as an agent that is named by its account and itself, without a token', async () => {
    const answer = await join('i-1234567890abcdef0');
    expect(answer.status).toBe(201);
    const agentId = `spiffe://demo.test/postern/agent/${ACCOUNT}-i-1234567890abcdef0`;
    expect(jsonOf<AgentIdentity>(answer).spiffeId).toBe(agentId);
  });

  test('joins once, so that nobody on it becomes its agent later', async () => {
    expect((await join('i-00000000000000002')).status).toBe(201);
    expect((await join('i-00000000000000002')).status).toBe(401);
  });
});
