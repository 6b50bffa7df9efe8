/** What the table does when DynamoDB throttles, denies, breaks off or loses an answer, by either set of clients. */
import { StoreUnavailable, systemClock, type Table } from '@postern/store';
import { describe, expect, test } from 'vitest';
import { createDynamoTable } from './index.ts';
import { CLIENT_SETS } from './testing/client_sets.ts';
import { describeEachSet } from './testing/scripted_clients.ts';
import { type Answer, refusal, startScriptedServer } from './testing/scripted_server.ts';

const done: Answer = { status: 200, body: {} };
const cancelled = (...codes: string[]) =>
  refusal('TransactionCanceledException', 400, { CancellationReasons: codes.map((Code) => ({ Code })) });

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

describeEachSet('DynamoDB', ({ server, clients }) => {
  const openTable = () => createDynamoTable({ calls: clients().dynamodb, tableName: 'postern', clock: systemClock });
  const tokens = () =>
    server()
      .requests()
      .map(({ body }) => (JSON.parse(body) as { ClientRequestToken: string }).ClientRequestToken);

  describe('a lost answer', () => {
    test.each(once)(
      'to %s is told and not repeated, or our own success would read as a refusal',
      async (_what, call) => {
        for (const answer of ['lost', refusal('InternalServerError', 500)] as const) {
          server().answer(answer);
          await expect(call(openTable())).rejects.toThrow(StoreUnavailable);
          expect(server().requests()).toHaveLength(1);
        }
      },
    );

    test.each(repeatable)('to %s is asked for again', async (_what, call, answer) => {
      server().answer('lost', refusal('InternalServerError', 500), answer);
      await call(openTable());
      expect(server().requests()).toHaveLength(3);
    });

    test('to a transaction is asked for under the same token, so that nothing is written twice', async () => {
      server().answer('lost', cancelled('TransactionConflict'), done);
      await openTable().transact([{ update: { ...key, add: { count: 1 } } }]);
      expect(new Set(tokens()).size).toBe(1);
    });
  });

  describe('a refusal', () => {
    test.each(all)('%s that is throttled is repeated', async (_what, call) => {
      server().answer(refusal('ThrottlingException'), refusal('ProvisionedThroughputExceededException'), updated);
      await call(openTable());
      expect(server().requests()).toHaveLength(3);
    });

    test.each(once)('%s that meets a transaction is repeated', async (_what, call) => {
      server().answer(refusal('TransactionConflictException'), updated);
      await call(openTable());
      expect(server().requests()).toHaveLength(2);
    });

    test.each(all)('%s that is denied is unavailable at once', async (_what, call) => {
      server().answer(refusal('AccessDeniedException'));
      await expect(call(openTable())).rejects.toThrow(StoreUnavailable);
      expect(server().requests()).toHaveLength(1);
    });

    test('that goes on comes to an end', async () => {
      server().answer(refusal('ThrottlingException'));
      await expect(openTable().get(key)).rejects.toThrow(StoreUnavailable);
      expect(server().requests().length).toBeLessThan(10);
    });

    test('an invalid request is a bug and no outage', async () => {
      server().answer(refusal('ValidationException'));
      await expect(openTable().put(item)).rejects.toThrow(TypeError);
      expect(server().requests()).toHaveLength(1);
    });
  });

  describe('a cancelled transaction', () => {
    const two = [{ put: item, condition: absent }, { delete: { pk: 'c', sk: 'd' } }];

    test('is repeated under a new token while others are in its way', async () => {
      server().answer(cancelled('TransactionConflict', 'None'), cancelled('None', 'ThrottlingError'), done);
      expect(await openTable().transact(two)).toMatchObject({ ok: true });
      expect(new Set(tokens()).size).toBe(3);
    });

    test('by a condition is a value, whatever else stood in its way', async () => {
      server().answer(cancelled('ConditionalCheckFailed', 'TransactionConflict'));
      expect(await openTable().transact(two)).toEqual({ ok: false, reason: 'condition-failed' });
      expect(server().requests()).toHaveLength(1);
    });

    test.each([
      ['by an invalid write is a bug', ['None', 'ValidationError'], TypeError],
      ['for a reason that we do not know is unavailable', ['None', 'Whatever'], StoreUnavailable],
      ['without reasons is unavailable', [], StoreUnavailable],
    ])('%s', async (_what, codes, fault) => {
      server().answer(cancelled(...codes));
      await expect(openTable().transact(two)).rejects.toThrow(fault);
      expect(server().requests()).toHaveLength(1);
    });
  });

  test('a text that is no text does not become another one in a condition', async () => {
    const condition = { kind: 'equals', attribute: 'a', value: 'x\ud800' } as const;
    await expect(openTable().delete(key, condition)).rejects.toThrow(RangeError);
    expect(server().requests()).toHaveLength(0);
  });
});

test('a DynamoDB that never answers holds nobody up for more than 8 s, and a conditional write for 3', async () => {
  const server = await startScriptedServer();
  server.answer('none');
  const tookMs = async (table: Table, call: Call) => {
    const startMs = performance.now();
    await expect(call(table)).rejects.toThrow(StoreUnavailable);
    return performance.now() - startMs;
  };
  const took = CLIENT_SETS.map(async ([, createClients]) => {
    const clients = createClients(server.settings);
    const table = createDynamoTable({ calls: clients.dynamodb, tableName: 'postern', clock: systemClock });
    return Promise.all([tookMs(table, (of) => of.put(item, absent)), tookMs(table, (of) => of.get(key))]);
  });
  for (const [put, read] of await Promise.all(took)) {
    expect(put).toBeLessThan(4_500);
    expect(read).toBeLessThan(9_500);
  }
  server.stop();
});
