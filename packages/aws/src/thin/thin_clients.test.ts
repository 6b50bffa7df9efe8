/** The protocol by hand: what the SDK does for its users, and what a server may try with ours. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AwsClients } from '../aws_clients.ts';
import { withRetries } from '../retries.ts';
import { type Answer, type ScriptedServer, startScriptedServer } from '../testing/scripted_server.ts';
import { createThinClients } from './index.ts';

let server: ScriptedServer;
let clients: AwsClients;
beforeEach(async () => {
  server = await startScriptedServer();
  clients = createThinClients(server.settings);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  server.stop();
});

const signal = () => AbortSignal.timeout(5_000);
const getItem = () => clients.dynamodb.getItem({ TableName: 't', Key: { pk: { S: 'a' } } }, signal());
const faultOf = async (call: () => Promise<unknown>) =>
  (await call().catch((fault: unknown) => fault)) as Error & { $metadata?: { httpStatusCode: number } };
/** How often a read is asked for, of seven times. */
async function attemptsAfter(answer: Answer, call: () => Promise<unknown> = getItem): Promise<number> {
  server.answer(answer);
  await withRetries({ effect: 'repeatable' }, call).catch(() => undefined);
  return server.requests().length;
}

describe('a request', () => {
  test('names its operation, and carries bytes as base64 wherever they are', async () => {
    server.answer({ status: 200, body: {} });
    const nested = { L: [{ M: { b: { B: Buffer.from('xy') } } }, { N: '1' }] };
    await clients.dynamodb.putItem({ TableName: 't', Item: { a: { B: Uint8Array.of(0, 255) }, l: nested } }, signal());
    const [request] = server.requests();
    expect(request).toMatchObject({ method: 'POST', url: '/' });
    expect(request?.headers).toMatchObject({
      'x-amz-target': 'DynamoDB_20120810.PutItem',
      'content-type': 'application/x-amz-json-1.0',
      'accept-encoding': 'identity',
    });
    expect(JSON.parse(request?.body ?? '')).toEqual({
      TableName: 't',
      Item: { a: { B: 'AP8=' }, l: { L: [{ M: { b: { B: 'eHk=' } } }, { N: '1' }] } },
    });
  });

  test('is signed with the credentials of its moment, since Lambda replaces them', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const ofEnvironment = createThinClients({ endpoint: server.endpoint, region: 'us-east-1' });
    server.answer({ status: 200, body: {} });
    for (const id of ['AKIAFIRST', 'AKIASECOND']) {
      vi.stubEnv('AWS_ACCESS_KEY_ID', id);
      await ofEnvironment.dynamodb.getItem({ TableName: 't', Key: {} }, signal());
    }
    const ids = server.requests().map(({ headers }) => /Credential=(\w+)/.exec(headers.authorization ?? '')?.[1]);
    expect(ids).toEqual(['AKIAFIRST', 'AKIASECOND']);
  });

  test('without credentials is not sent, and not tried again', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    const without = createThinClients({ endpoint: server.endpoint, region: 'us-east-1' });
    const asked = vi.fn(() => without.dynamodb.getItem({ TableName: 't', Key: {} }, signal()));
    await expect(withRetries({ effect: 'repeatable' }, asked)).rejects.toMatchObject({
      name: 'CredentialsProviderError',
    });
    expect(asked).toHaveBeenCalledTimes(1);
    expect(server.requests()).toHaveLength(0);
  });

  test('without a Region is a bug of the wiring', () => {
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_DEFAULT_REGION', undefined);
    expect(() => createThinClients()).toThrow(TypeError);
  });

  test('to AWS itself goes to the Region, with the bucket in the host, but for one that no certificate covers', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', undefined);
    const asked: string[] = [];
    const see = (message: unknown) => {
      const { request } = message as { request: ClientRequest };
      asked.push(`${request.protocol}//${request.host}${request.path}`);
      request.destroy(new Error('seen'));
    };
    subscribe('http.client.request.created', see);
    const { credentials } = server.settings;
    const { s3, kms, dynamodb, secrets } = createThinClients({ region: 'eu-west-1', credentials });
    for (const call of [
      () => s3.getObject({ bucket: 'plain', key: 'a/b' }, signal()),
      () => s3.getObject({ bucket: 'with.dot', key: 'a/b' }, signal()),
      () => kms.getPublicKey({ KeyId: 'k' }, signal()),
      () => dynamodb.deleteItem({ TableName: 't', Key: {} }, signal()),
      () => secrets.getSecretValue('s', signal()),
    ])
      expect(await faultOf(call)).toMatchObject({ name: 'AnswerLost' });
    unsubscribe('http.client.request.created', see);
    expect(asked).toEqual([
      'https://plain.s3.eu-west-1.amazonaws.com/a/b',
      'https://s3.eu-west-1.amazonaws.com/with.dot/a/b',
      'https://kms.eu-west-1.amazonaws.com/',
      'https://dynamodb.eu-west-1.amazonaws.com/',
      'https://secretsmanager.eu-west-1.amazonaws.com/',
    ]);
  });

  test.each(['evil.example/', 'a@b', '', 'a:80', 'UPPER'])('to a bucket called `%s` leads nowhere', async (bucket) => {
    expect(await faultOf(() => clients.s3.getObject({ bucket, key: 'a' }, signal()))).toBeInstanceOf(TypeError);
    expect(server.requests()).toHaveLength(0);
  });
});

describe('an answer', () => {
  test('has its bytes back, and members that a program would lose', async () => {
    const item = '{"pk":{"S":"a"},"b":{"B":"AP8="},"m":{"M":{"__proto__":{"L":[{"B":"eHk="},{"NULL":true}]}}}}';
    server.answer({ status: 200, body: `{"Item":${item}}` });
    const { Item: found } = await getItem();
    expect(found?.['b']).toEqual({ B: Buffer.from([0, 255]) });
    const [[name, member] = []] = Object.entries(found?.['m']?.M ?? {});
    expect(name).toBe('__proto__');
    expect(member).toEqual({ L: [{ B: Buffer.from('xy') }, { NULL: true }] });
  });

  test.each([
    ['in the body', { body: { __type: 'ResourceNotFoundException' } }],
    ['with a namespace', { body: { __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException' } }],
    ['with a URL', { body: { __type: 'ResourceNotFoundException:http://internal.example/' } }],
    ['in a header', { body: {}, headers: { 'x-amzn-errortype': 'ResourceNotFoundException:http://x/' } }],
  ])('that refuses is known by its name %s', async (_where, answer) => {
    server.answer({ status: 400, ...answer });
    expect(await faultOf(getItem)).toMatchObject({
      name: 'ResourceNotFoundException',
      $metadata: { httpStatusCode: 400 },
    });
  });

  test.each([
    ['none', {}],
    ['no word', { __type: 'a b' }],
    ['a long one', { __type: 'x'.repeat(200) }],
    ['no text', { __type: 7 }],
  ])('that refuses with %s for a name is known by its status', async (_what, body) => {
    server.answer({ status: 418, body });
    expect((await faultOf(getItem)).name).toBe('HttpStatus418');
  });

  test('of a failed condition brings what it found', async () => {
    const found = { pk: { S: 'a' }, b: { B: 'AP8=' } };
    server.answer({ status: 400, body: { __type: 'ConditionalCheckFailedException', Item: found } });
    expect(await faultOf(getItem)).toMatchObject({ Item: { b: { B: Buffer.from([0, 255]) } } });
    const reasons = [{ Code: 'None' }, { Code: 'ConditionalCheckFailed', Item: found }];
    server.answer({ status: 400, body: { __type: 'TransactionCanceledException', CancellationReasons: reasons } });
    expect(await faultOf(getItem)).toMatchObject({
      CancellationReasons: [
        { Code: 'None' },
        { Code: 'ConditionalCheckFailed', Item: { b: { B: expect.any(Buffer) } } },
      ],
    });
  });

  test.each([
    ['is no JSON', 'nonsense'],
    ['is no object', '[]'],
    ['breaks off', '{"Item":{"pk"'],
    ['has an item that is none', { Item: { pk: 'a' } }],
    ['has bytes that are none', { Item: { pk: { B: '***' } } }],
  ])('that %s is a lost one, and asked for again', async (_what, body) => {
    server.answer({ status: 200, body });
    expect(await faultOf(getItem)).toMatchObject({ name: 'AnswerLost' });
    expect(await attemptsAfter({ status: 200, body })).toBe(7);
  });

  test('that leads elsewhere is not followed, with a signature that others could use', async () => {
    const elsewhere = { status: 307, headers: { location: `${server.endpoint}/elsewhere` } };
    expect(await attemptsAfter(elsewhere)).toBe(1);
    expect(await attemptsAfter(elsewhere, () => clients.s3.getObject({ bucket: 'b', key: 'a' }, signal()))).toBe(1);
  });

  test('without end is not kept, and not asked for again', async () => {
    const long: Answer = { status: 200, body: { Mac: 'x'.repeat(100_000) } };
    const ask = () => clients.kms.generateMac({ KeyId: 'k', Message: undefined, MacAlgorithm: undefined }, signal());
    server.answer(long);
    expect((await faultOf(ask)).name).toBe('AnswerTooLarge');
    expect(await attemptsAfter(long, ask)).toBe(1);
  });

  test('that is late is given up when the signal says so', async () => {
    server.answer('none');
    const ask = () => clients.dynamodb.getItem({ TableName: 't', Key: {} }, AbortSignal.timeout(50));
    expect((await faultOf(ask)).name).toBe('TimeoutError');
  });
});

describe('a list of objects', () => {
  const contents = (...keys: string[]) =>
    keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
  const list = (inner: string) => ({
    status: 200,
    body: `<?xml version="1.0"?>\n<ListBucketResult xmlns="x"><EncodingType>url</EncodingType>${inner}</ListBucketResult>`,
  });
  const whole = '<IsTruncated>false</IsTruncated>';
  const ask = () => clients.s3.listObjects({ bucket: 'b', prefix: 'a/', after: 'a/b', limit: 2 }, signal());

  test('is asked for with its bounds and in an encoding without markup', async () => {
    server.answer(list(whole));
    expect(await ask()).toEqual({ keys: [], isTruncated: false });
    const url = new URL(server.requests()[0]?.url ?? '', server.endpoint);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      'list-type': '2',
      'encoding-type': 'url',
      prefix: 'a/',
      'start-after': 'a/b',
      'max-keys': '2',
    });
  });

  test('has the names of others too, decoded', async () => {
    server.answer(list(`<IsTruncated>true</IsTruncated>${contents('a/b', 'a%2Fc', 'a/%3CKey%3E+%2B%C3%A9')}`));
    expect(await ask()).toEqual({ keys: ['a/b', 'a/c', 'a/<Key> +é'], isTruncated: true });
  });

  test.each([
    ['breaks off', `<ListBucketResult><EncodingType>url</EncodingType>${whole}${contents('a')}`],
    ['does not say whether it is whole', list(contents('a')).body],
    ['says so twice', list(`${whole}${whole}`).body],
    ['has an object without a name', list(`${whole}<Contents><Size>1</Size></Contents>`).body],
    ['has an object with two names', list(`${whole}<Contents><Key>a</Key><Key>b</Key></Contents>`).body],
    ['has markup in a name', list(`${whole}${contents('a&amp;b')}`).body],
    ['has half an escape', list(`${whole}${contents('%E0')}`).body],
    ['is not encoded', `<ListBucketResult>${whole}${contents('a')}</ListBucketResult>`],
    ['is another page', '<html></html>'],
  ])('that %s is a lost answer, not a shorter list', async (_what, body) => {
    server.answer({ status: 200, body });
    expect((await faultOf(ask)).name).toBe('AnswerLost');
  });
});
