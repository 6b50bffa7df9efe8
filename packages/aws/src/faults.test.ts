/** What the adapters do when AWS throttles, denies, breaks off or loses an answer: a server that answers as it is told. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SignerUnavailable } from '@postern/keys';
import { StoreUnavailable, systemClock, type Table } from '@postern/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createDynamoClient,
  createDynamoTable,
  createKmsClient,
  createKmsMac,
  createKmsSigner,
  createS3Client,
  createS3Objects,
} from './index.ts';

/** `lost`: the connection breaks off after the request was taken. `none`: nothing ever comes. */
type Answer = 'lost' | 'none' | { readonly status: number; readonly body?: object | string };

const refusal = (name: string, status = 400, more: object = {}): Answer => ({
  status,
  body: { __type: `com.amazonaws#${name}`, message: 'told to', ...more },
});
const done: Answer = { status: 200, body: {} };
const cancelled = (...codes: string[]) =>
  refusal('TransactionCanceledException', 400, { CancellationReasons: codes.map((Code) => ({ Code })) });

let server: Server;
let answers: Answer[];
let requests: { readonly url: string; readonly body: string }[];

beforeEach(async () => {
  [answers, requests] = [[], []];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ url: request.url ?? '', body: Buffer.concat(chunks).toString() });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer === 'none') return;
      if (answer === undefined || answer === 'lost') return void request.socket.destroy();
      const { status, body = '' } = answer;
      response.writeHead(status, {
        'content-type': typeof body === 'string' ? 'application/xml' : 'application/x-amz-json-1.0',
      });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const config = () => ({
  endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
const openTable = () =>
  createDynamoTable({ client: createDynamoClient(config()), tableName: 'postern', clock: systemClock });

const key = { pk: 'a', sk: 'b' };
const item = { ...key, attributes: {} };
const stored = { Item: { pk: { S: 'a' }, sk: { S: 'b' } } };
const updated = { status: 200, body: { Attributes: stored.Item } };
const absent = { kind: 'absent' } as const;

type Call = (table: Table) => Promise<unknown>;
const once: readonly (readonly [what: string, call: Call])[] = [
  ['a conditional put', (table) => table.put(item, absent)],
  ['a conditional delete', (table) => table.delete(key, { kind: 'present' })],
  ['a conditional update', (table) => table.update({ ...key, set: { a: 1 }, condition: absent })],
  ['an addition', (table) => table.update({ ...key, add: { count: 1 } })],
];
const repeatable: readonly (readonly [what: string, call: Call, answer: Answer])[] = [
  ['a read', (table) => table.get(key), { status: 200, body: stored }],
  ['a query', (table) => table.query({ pk: 'a' }), { status: 200, body: { Items: [] } }],
  ['a plain put', (table) => table.put(item), done],
  ['a plain delete', (table) => table.delete(key), done],
  ['a plain update', (table) => table.update({ ...key, set: { a: 1 } }), updated],
  ['a transaction', (table) => table.transact([{ put: item, condition: absent }]), done],
];

const all = [...once, ...repeatable].map(([what, call]) => [what, call] as const);

describe('a lost answer of DynamoDB', () => {
  test.each(once)('to %s is told and not repeated, or our own success would read as a refusal', async (_what, call) => {
    for (const answer of ['lost', refusal('InternalServerError', 500)] as const) {
      [answers, requests] = [[answer], []];
      await expect(call(openTable())).rejects.toThrow(StoreUnavailable);
      expect(requests).toHaveLength(1);
    }
  });

  test.each(repeatable)('to %s is asked for again', async (_what, call, answer) => {
    answers = ['lost', refusal('InternalServerError', 500), answer];
    await call(openTable());
    expect(requests).toHaveLength(3);
  });

  test('to a transaction is asked for under the same token, so that nothing is written twice', async () => {
    answers = ['lost', cancelled('TransactionConflict'), done];
    await openTable().transact([{ update: { ...key, add: { count: 1 } } }]);
    const tokens = requests.map(({ body }) => (JSON.parse(body) as { ClientRequestToken: string }).ClientRequestToken);
    expect(new Set(tokens).size).toBe(1);
  });
});

describe('a refusal of DynamoDB', () => {
  test.each(all)('%s that is throttled is repeated', async (_what, call) => {
    answers = [refusal('ThrottlingException'), refusal('ProvisionedThroughputExceededException'), updated];
    await call(openTable());
    expect(requests).toHaveLength(3);
  });

  test.each(once)('%s that meets a transaction is repeated', async (_what, call) => {
    answers = [refusal('TransactionConflictException'), updated];
    await call(openTable());
    expect(requests).toHaveLength(2);
  });

  test.each(all)('%s that is denied is unavailable at once', async (_what, call) => {
    answers = [refusal('AccessDeniedException')];
    await expect(call(openTable())).rejects.toThrow(StoreUnavailable);
    expect(requests).toHaveLength(1);
  });

  test('that goes on comes to an end', async () => {
    answers = [refusal('ThrottlingException')];
    await expect(openTable().get(key)).rejects.toThrow(StoreUnavailable);
    expect(requests.length).toBeLessThan(10);
  });

  test('an invalid request is a bug and no outage', async () => {
    answers = [refusal('ValidationException')];
    await expect(openTable().put(item)).rejects.toThrow(TypeError);
    expect(requests).toHaveLength(1);
  });
});

describe('a cancelled transaction', () => {
  const two = [{ put: item, condition: absent }, { delete: { pk: 'c', sk: 'd' } }];

  test('is repeated under a new token while others are in its way', async () => {
    answers = [cancelled('TransactionConflict', 'None'), cancelled('None', 'ThrottlingError'), done];
    expect(await openTable().transact(two)).toMatchObject({ ok: true });
    const tokens = requests.map(({ body }) => (JSON.parse(body) as { ClientRequestToken: string }).ClientRequestToken);
    expect(new Set(tokens).size).toBe(3);
  });

  test('by a condition is a value, whatever else stood in its way', async () => {
    answers = [cancelled('ConditionalCheckFailed', 'TransactionConflict')];
    expect(await openTable().transact(two)).toEqual({ ok: false, reason: 'condition-failed' });
    expect(requests).toHaveLength(1);
  });

  test.each([
    ['by an invalid write is a bug', ['None', 'ValidationError'], TypeError],
    ['for a reason that we do not know is unavailable', ['None', 'Whatever'], StoreUnavailable],
    ['without reasons is unavailable', [], StoreUnavailable],
  ])('%s', async (_what, codes, fault) => {
    answers = [cancelled(...codes)];
    await expect(openTable().transact(two)).rejects.toThrow(fault);
    expect(requests).toHaveLength(1);
  });
});

test('a DynamoDB that never answers holds nobody up for more than 8 s, and a conditional write for 3', async () => {
  answers = ['none'];
  const tookMs = async (call: Call) => {
    const startMs = performance.now();
    await expect(call(openTable())).rejects.toThrow(StoreUnavailable);
    return performance.now() - startMs;
  };
  const [put, read] = await Promise.all([
    tookMs((table) => table.put(item, absent)),
    tookMs((table) => table.get(key)),
  ]);
  expect(put).toBeLessThan(4_500);
  expect(read).toBeLessThan(9_500);
});

test('an SDK client that retries by itself is refused before it is used', async () => {
  const table = createDynamoTable({ client: new DynamoDBClient(config()), tableName: 'postern', clock: systemClock });
  await expect(table.put(item, absent)).rejects.toThrow(TypeError);
  expect(requests).toHaveLength(0);
});

test('a text that is no text does not become another one in a condition', async () => {
  const condition = { kind: 'equals', attribute: 'a', value: 'x\ud800' } as const;
  await expect(openTable().delete(key, condition)).rejects.toThrow(RangeError);
  expect(requests).toHaveLength(0);
});

describe('S3', () => {
  const open = () => createS3Objects({ client: createS3Client({ ...config(), forcePathStyle: true }), bucket: 'b' });
  const error = (status: number, code: string): Answer => ({ status, body: `<Error><Code>${code}</Code></Error>` });

  test('that loses the answer to a put is not asked again: the object would read as somebody else’s', async () => {
    answers = ['lost'];
    await expect(open().putIfAbsent('a', new Uint8Array(1))).rejects.toThrow(StoreUnavailable);
    expect(requests).toHaveLength(1);
  });

  test('that sees two puts at once, or is slow, is asked again', async () => {
    answers = [error(409, 'ConditionalRequestConflict'), error(503, 'SlowDown'), error(412, 'PreconditionFailed')];
    expect(await open().putIfAbsent('a', new Uint8Array(1))).toEqual({ ok: false, reason: 'already-exists' });
  });

  test('that denies a read does not say that the object is absent', async () => {
    answers = [error(403, 'AccessDenied')];
    await expect(open().get('a')).rejects.toThrow(StoreUnavailable);
    await expect(open().list('')).rejects.toThrow(StoreUnavailable);
    expect(requests).toHaveLength(2);
  });
});

describe('KMS', () => {
  const client = () => createKmsClient(config());

  test('that denies is unavailable, and asked once', async () => {
    answers = [refusal('AccessDeniedException')];
    await expect(createKmsSigner({ client: client(), keyId: 'k', algorithm: 'ES256' })).rejects.toThrow(
      SignerUnavailable,
    );
    await expect(createKmsMac({ client: client(), keyId: 'k' }).compute(new Uint8Array(1))).rejects.toThrow(
      SignerUnavailable,
    );
    expect(requests).toHaveLength(2);
  });

  test('that is away never makes a tag wrong or right', async () => {
    answers = [refusal('KMSInternalException', 500)];
    const mac = createKmsMac({ client: client(), keyId: 'k' });
    await expect(mac.verify(new Uint8Array(1), new Uint8Array(32))).rejects.toThrow(SignerUnavailable);
  });

  test('that answers without saying so has verified nothing', async () => {
    answers = [done];
    const mac = createKmsMac({ client: client(), keyId: 'k' });
    expect(await mac.verify(new Uint8Array(1), new Uint8Array(32))).toBe(false);
  });
});
