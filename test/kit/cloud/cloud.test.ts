import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSignedFetch } from '@postern/aws/signed-fetch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT, type RunningMiniStack, startMiniStack } from '../ministack.ts';
import { describeWithTool } from '../tools.ts';
import { waitUntil } from '../wait.ts';
import { type AwsCalls, createAwsCalls } from './aws_calls.ts';
import { type FaultProxy, startFaultProxy } from './fault_proxy.ts';
import { readWhole } from './forward_call.ts';
import { readFunctionLogs } from './function_logs.ts';
import { type PublicFront, startPublicFront } from './public_front.ts';
import { assumeRole, createRole } from './roles.ts';

/** Answers what it got, and its process. */
const ECHO = `exports.handler = async (event) => {
  console.log('asked for ' + event.rawPath);
  return { statusCode: 200, body: JSON.stringify({ pid: process.pid, event }) };
};`;

const TEMPLATE = {
  Resources: {
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: { RoleName: 'echo', AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] } },
    },
    Echo: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        FunctionName: 'echo',
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        Code: { ZipFile: ECHO },
      },
    },
    Url: {
      Type: 'AWS::Lambda::Url',
      Properties: { TargetFunctionArn: { Ref: 'Echo' }, AuthType: 'AWS_IAM' },
    },
  },
  Outputs: { Url: { Value: { 'Fn::GetAtt': ['Url', 'FunctionUrl'] } } },
};

type Echoed = {
  pid: number;
  event: {
    cookies?: string[];
    rawPath: string;
    requestContext: { authorizer?: { iam: { userArn: string } } };
  };
};

const isRunning = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

describeWithTool('the stand-in for AWS', ['ministack'], () => {
  let ministack: RunningMiniStack;
  let aws: AwsCalls;
  let url: string;

  beforeAll(async () => {
    ministack = await startMiniStack({ enforcesIam: true });
    aws = createAwsCalls(ministack.clientConfig);
    url = await createStack(aws);
  });
  afterAll(() => ministack?.stop());

  async function ask(role: string, path: string, headers: Record<string, string> = {}) {
    const credentials = await assumeRole(aws, role, 'session');
    const signedFetch = createSignedFetch({
      credentials: async () => credentials,
      region: ministack.clientConfig.region,
      service: 'lambda',
    });
    return signedFetch(`${url}${path}`, { headers });
  }

  it('tells a function who signed a call, by a URL that leads to it, and its cookies as AWS does', async () => {
    const role = await createRole(aws, 'caller', [
      { Effect: 'Allow', Action: ['lambda:InvokeFunctionUrl', 'lambda:InvokeFunction'], Resource: '*' },
    ]);
    const response = await ask(role, 'a/b', { cookie: 'a=1; b=2' });
    expect(response.status).toBe(200);
    const { event } = (await response.json()) as Echoed;
    expect(event.rawPath).toBe('/a/b');
    expect(event.cookies).toEqual(['a=1', 'b=2']);
    expect(event.requestContext.authorizer?.iam.userArn).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/caller/session`);
    await waitUntil('its log', 5_000, async () =>
      (await readFunctionLogs(aws, '/aws/lambda/echo')).includes('asked for /a/b'),
    );
  });

  it('lets in nobody without a signature, without a grant, or with a claim in a header', async () => {
    const role = await createRole(aws, 'stranger');
    expect((await ask(role, '')).status).toBe(403);
    expect((await fetch(url)).status).toBe(403);
    const claim = { 'x-amzn-iam-user-arn': `arn:aws:sts::${ACCOUNT}:assumed-role/caller/session` };
    expect((await fetch(url, { headers: claim })).status).toBe(403);
  });

  describe('a fault proxy before one of its services', () => {
    let proxy: FaultProxy;
    let through: AwsCalls;
    beforeAll(async () => {
      proxy = await startFaultProxy('dynamodb', ministack.clientConfig.endpoint);
      through = createAwsCalls({ ...ministack.clientConfig, endpoint: proxy.url });
      const [attribute, key] = [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'pk', KeyType: 'HASH' },
      ];
      const table = { TableName: 'trial', AttributeDefinitions: [attribute], KeySchema: [key] };
      await through.json('dynamodb', 'DynamoDB_20120810.CreateTable', { ...table, BillingMode: 'PAY_PER_REQUEST' });
    });
    afterAll(() => proxy?.stop());

    const put = (pk: string) =>
      through.json('dynamodb', 'DynamoDB_20120810.PutItem', { TableName: 'trial', Item: { pk: { S: pk } } });
    const count = async () =>
      (await aws.json<{ Count: number }>('dynamodb', 'DynamoDB_20120810.Scan', { TableName: 'trial' })).Count;

    it.each([
      ['throttle', 'ProvisionedThroughputExceededException'],
      ['deny', 'AccessDeniedException'],
      ['fail', 'InternalServerError'],
      ['refuse', 'fetch failed'],
    ] as const)(
      '%s: the call has no effect, and the caller is told in the words of the service',
      async (fault, words) => {
        const before = await count();
        await proxy.set(fault);
        await expect(put(fault)).rejects.toThrow(words);
        await proxy.set('pass');
        expect(await count()).toBe(before);
      },
    );

    it('lose: the call has its effect, and the caller hears nothing of it', async () => {
      const before = await count();
      await proxy.set('lose');
      await expect(put('lose')).rejects.toThrow('fetch failed');
      await proxy.set('pass');
      expect(await count()).toBe(before + 1);
    });

    it('hang: there is no answer until the fault is over, and no effect', async () => {
      const before = await count();
      await proxy.set('hang');
      let isSettled = false;
      const putting = put('hang').catch(() => 'failed');
      void putting.then(() => {
        isSettled = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(isSettled).toBe(false);
      await proxy.set('pass');
      expect(await putting).toBe('failed');
      expect(await count()).toBe(before);
    });

    it('strikes the operations that it is told, and counts all', async () => {
      await proxy.set('deny', ['DeleteItem']);
      const before = proxy.calls('PutItem');
      await put('chosen');
      const remove = { TableName: 'trial', Key: { pk: { S: 'chosen' } } };
      await expect(through.json('dynamodb', 'DynamoDB_20120810.DeleteItem', remove)).rejects.toThrow('AccessDenied');
      await proxy.set('pass');
      expect(proxy.calls('PutItem')).toBe(before + 1);
    });
  });

  it('ends the processes of its functions with itself', async () => {
    const response = await ask(`arn:aws:iam::${ACCOUNT}:role/caller`, '');
    const { pid } = (await response.json()) as Echoed;
    expect(isRunning(pid)).toBe(true);
    await ministack.stop();
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});

describe('the public front', () => {
  let front: PublicFront;
  let behind: Server;
  const received: { line: string; host: string; more: string; body: string }[] = [];
  beforeAll(async () => {
    front = await startPublicFront();
    behind = createServer(async (incoming, response) => {
      const { method, url, headers } = incoming;
      const body = String(await readWhole(incoming));
      received.push({ line: `${method} ${url}`, host: headers.host ?? '', more: String(headers['x-more']), body });
      response.writeHead(418, { 'retry-after': '5' }).end('short and stout');
    });
    await new Promise<void>((resolve) => behind.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    await front?.stop();
    behind?.close();
  });

  it('says that nothing is behind it until there is', async () => {
    expect((await fetch(front.url)).status).toBe(503);
  });

  it('hands everything over as it came, but for the name that the next one routes by', async () => {
    front.forwardTo(`http://127.0.0.1:${(behind.address() as AddressInfo).port}`, 'api.localhost');
    const headers = { 'x-more': 'a,  b' };
    const response = await fetch(`${front.url}/a%2Fb//c;d/%c3%bc?x=%20+y&x=`, { method: 'POST', headers, body: 'tea' });
    expect(received).toEqual([
      { line: 'POST /a%2Fb//c;d/%c3%bc?x=%20+y&x=', host: 'api.localhost', more: 'a,  b', body: 'tea' },
    ]);
    expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([
      418,
      '5',
      'short and stout',
    ]);
  });
});

async function createStack(aws: AwsCalls): Promise<string> {
  const version = '2010-05-15';
  await aws.query('cloudformation', version, 'CreateStack', {
    StackName: 'echo',
    TemplateBody: JSON.stringify(TEMPLATE),
    'Capabilities.member.1': 'CAPABILITY_NAMED_IAM',
  });
  return waitUntil('the stack', 20_000, async () => {
    const described = await aws.query('cloudformation', version, 'DescribeStacks', { StackName: 'echo' });
    if (/<StackStatus>(ROLLBACK|CREATE_FAILED)/.test(described)) throw new Error(described);
    return /<OutputValue>([^<]+)</.exec(described)?.[1];
  });
}
