/** Functions as they are deployed: who gets in by the platform's word, and what passes between them. */
import { PATHS, type Problem, type PublishAnswer } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FunctionName } from './access.ts';
import { POLICIES } from './testing/policies.ts';
import { FACTS } from './testing/proxies.ts';
import { ADMINISTRATOR, AUDITOR, jsonOf, openSeparately, type Separate } from './testing/separate.ts';

const PROXY = 'arn:aws:iam::111122223333:role/payments-proxy';

let separate: Separate;
beforeAll(async () => {
  separate = await openSeparately();
  await separate.served.rotate.tick?.();
});
afterAll(() => separate.remove());

describe('an administrator', () => {
  const status = { target: PATHS.admin.status };
  const DOORS: readonly (readonly [FunctionName, string])[] = [
    ['admin', PATHS.admin.status],
    ['publish', PATHS.admin.releases],
    ['audit', PATHS.admin.records],
  ];

  test.each(DOORS)('is let in at %s as the role that calls, and named by it', async (name, target) => {
    expect((await separate.call(name, { target, principal: ADMINISTRATOR })).status).toBe(200);
  });

  test.each(DOORS)('is nobody at %s without a role', async (name, target) => {
    const answer = await separate.call(name, { target, headers: [['authorization', `Bearer ${ADMINISTRATOR}`]] });
    expect([answer.status, jsonOf<Problem>(answer).code]).toEqual([401, 'not-authenticated']);
  });

  test.each([
    ['of another name', `${ADMINISTRATOR}s`],
    ['of another account', ADMINISTRATOR.replace('111122223333', '444455556666')],
    ['of the same name, as a user', ADMINISTRATOR.replace(':role/', ':user/')],
    ['with no name at all', ''],
  ])('%s is nobody', async (_, principal) => {
    expect((await separate.call('admin', { ...status, principal })).status).toBe(401);
  });

  test('may do what the role is granted and no more', async () => {
    expect((await separate.call('audit', { target: PATHS.admin.records, principal: AUDITOR })).status).toBe(200);
    const body = { files: POLICIES };
    const answer = await separate.call('publish', {
      method: 'POST',
      target: PATHS.admin.releases,
      principal: AUDITOR,
      body,
    });
    expect([answer.status, jsonOf<Problem>(answer).code]).toEqual([403, 'not-permitted']);
  });
});

describe('a decision', () => {
  const ask = (principal: string | undefined, headers: { readonly [name: string]: string } = FACTS) =>
    separate.call('authorize', { method: 'GET', target: '/check', principal, headers: Object.entries(headers) });

  beforeAll(async () => {
    const service = (POLICIES['services/payments.yaml'] as string).replace(
      /enforcementPoints: .*/,
      `enforcementPoints: [${PROXY}]`,
    );
    const published = await separate.call('publish', {
      method: 'POST',
      target: PATHS.admin.releases,
      principal: ADMINISTRATOR,
      body: { files: { ...POLICIES, 'services/payments.yaml': service } },
    });
    expect(jsonOf<PublishAnswer>(published)).toMatchObject({ published: true, number: 1 });
    // What a decision point knows is looked at anew after a second.
    separate.clock.advanceMs(1001);
  });

  test('is made for the proxy whose role calls, and is in the trail before it is answered', async () => {
    const answer = await ask(PROXY);
    expect(answer.status).toBe(200);
    const id = answer.headers.find(([name]) => name.toLowerCase() === 'x-postern-decision-id')?.[1];
    const target = PATHS.admin.record(String(id));
    const record = jsonOf<AuditRecord>(await separate.call('audit', { target, principal: AUDITOR }));
    expect(record).toMatchObject({ kind: 'decision', outcome: 'allow', enforcementPoint: PROXY });
  });

  test.each([
    ['nobody', undefined],
    ['another role', ADMINISTRATOR],
    ['a role whose name begins like the proxy’s', `${PROXY}-2`],
  ])('is not made for %s', async (_, principal) => {
    expect((await ask(principal)).status).toBe(403);
  });

  test.each([
    ['in order', FACTS],
    ['that cannot be read', {}],
    ['with a header that nobody sets', { ...FACTS, 'x-postern-evil': 'a' }],
  ])('asked for ten times by a stranger, %s, is one record', async (_, headers) => {
    const stranger = `arn:aws:iam::111122223333:role/stranger-${Object.keys(headers).length}`;
    for (let call = 0; call < 10; call++) expect((await ask(stranger, headers)).status).toBe(403);
    const target = `${PATHS.admin.records}?kind=decision&limit=100`;
    const answer = await separate.call('audit', { target, principal: AUDITOR });
    const { records } = jsonOf<{ records: readonly AuditRecord[] }>(answer);
    const of = records.filter((record) => record.kind === 'decision' && record.enforcementPoint === stranger);
    expect(of).toHaveLength(1);
  });

  test('is about what the headers say, wherever the call was sent', async () => {
    const call = { method: 'DELETE', target: '/admin?x-postern-target=/balance', principal: PROXY } as const;
    expect((await separate.call('authorize', { ...call, headers: [] })).status).toBe(403);
    expect((await separate.call('authorize', { ...call, headers: Object.entries(FACTS) })).status).toBe(200);
  });

  test('takes the proxy’s own signature for nobody’s credential', async () => {
    const signed = {
      ...FACTS,
      authorization: 'AWS4-HMAC-SHA256 Credential=A/20261128/eu-central-1/lambda/aws4_request',
    };
    expect((await ask(PROXY, signed)).status).toBe(200);
    expect((await ask(PROXY, { ...signed, 'x-postern-authorization': 'Bearer no.such.token' })).status).toBe(401);
  });
});

describe('a stranger who is refused', () => {
  const tooLarge = { method: 'GET', target: PATHS.trustBundle, headers: [['content-length', '99']] as const };
  const refusals = async () => {
    const target = `${PATHS.admin.records}?kind=refusal&limit=50`;
    const answer = await separate.call('audit', { target, principal: AUDITOR });
    return jsonOf<{ records: readonly AuditRecord[] }>(answer).records;
  };

  test('makes a fresh instance open no producer: no key is used, nothing is stored, and the log says it', async () => {
    const before = await separate.table.query({ pk: 'trail-producer' });
    expect((await separate.call('trust', tooLarge)).status).toBe(413);
    await separate.served.trust.settle();
    expect(await separate.table.query({ pk: 'trail-producer' })).toEqual(before);
    expect(separate.logs).toContainEqual(
      expect.objectContaining({ event: 'refusal', function: 'trust', reason: 'body-too-large', count: 1 }),
    );
  });

  test('is in the trail where there is a producer anyway, when nothing is under way any more', async () => {
    await separate.served.feed.warmUp();
    expect((await separate.call('feed', { target: PATHS.feed })).status).toBe(401);
    await separate.served.feed.settle();
    expect(await refusals()).toContainEqual(expect.objectContaining({ reason: 'proof-missing', count: 1 }));
  });
});
