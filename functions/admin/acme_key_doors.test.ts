import { type AcmeKeysAnswer, type CreatedAcmeKeyAnswer, type EntryAnswer, PATHS, type Problem } from '@postern/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMINISTRATOR, AUDITOR, jsonOf, openSeparately, type Separate, TEAM } from '../testing/separate.ts';

let separate: Separate;
beforeAll(async () => {
  separate = await openSeparately();
  await separate.served.rotate.tick?.();
});
afterAll(() => separate.remove());

const call = (method: string, target: string, body?: object, principal = ADMINISTRATOR) =>
  separate.call('admin', { method, target, principal, body });
let entered = 0;
async function enter(more: object): Promise<EntryAnswer> {
  entered += 1;
  const names = { spiffeId: `spiffe://demo.test/web-${entered}`, parentId: 'spiffe://demo.test/postern/agent/node' };
  return jsonOf(await call('POST', PATHS.admin.entries, { ...names, selectors: ['unix:uid:1'], ...more }));
}
const create = (body: object, principal?: string) => call('POST', PATHS.admin.acmeKeys, body, principal);

describe('a key of ACME', () => {
  test('is for an entry, is shown with its secret once, and is listed without', async () => {
    const entry = await enter({ dnsNames: ['a.demo.test'] });
    const answer = await create({ entryId: entry.id, ttlSeconds: 60 });
    expect([answer.status, new Map(answer.headers).get('cache-control')]).toEqual([201, 'no-store']);
    const created = jsonOf<CreatedAcmeKeyAnswer>(answer);
    expect(created).toMatchObject({
      ...{ entryId: entry.id, isUsed: false, isSvid: false, dnsNames: ['a.demo.test'], spiffeId: entry.spiffeId },
      ...{ directory: 'https://postern.demo.test/acme/directory', usableUntilMs: separate.clock.nowMs() + 60_000 },
    });
    const listed = await call('GET', PATHS.admin.acmeKeys, undefined, AUDITOR);
    expect(jsonOf<AcmeKeysAnswer>(listed).keys.map(({ id }) => id)).toContain(created.id);
    expect(Buffer.from(listed.body).toString()).not.toContain(created.hmacKey);
  });

  test('says of an entry below `acme` that its certificates are SVIDs', async () => {
    const { id } = await enter({ dnsNames: ['b.demo.test'], parentId: 'spiffe://demo.test/postern/attestor/acme' });
    expect(jsonOf<CreatedAcmeKeyAnswer>(await create({ entryId: id })).isSvid).toBe(true);
  });

  test('is deleted once, and each is on record by name', async () => {
    const entry = await enter({ dnsNames: ['c.demo.test'] });
    const { id } = jsonOf<CreatedAcmeKeyAnswer>(await create({ entryId: entry.id }));
    expect((await call('DELETE', PATHS.admin.acmeKey(id))).status).toBe(200);
    expect((await call('DELETE', PATHS.admin.acmeKey(id))).status).toBe(404);
    const target = `${PATHS.admin.records}?kind=administrator-action&limit=2`;
    const { records } = jsonOf<{ records: object[] }>(
      await separate.call('audit', { target, principal: ADMINISTRATOR }),
    );
    expect(records).toMatchObject([
      { action: 'acme-key-delete', subject: `${id} ${entry.id}`, by: ADMINISTRATOR },
      { action: 'acme-key-create', subject: `${entry.id} ${entry.spiffeId}`, by: ADMINISTRATOR },
    ]);
  });

  const rows: [string, () => Promise<object>, number, Problem['code']][] = [
    ['no entry', async () => ({ entryId: 'x' }), 404, 'not-found'],
    ['an entry without names', async () => ({ entryId: (await enter({})).id }), 409, 'conflict'],
    [
      'an entry whose names an attestor’s claims fill',
      async () => {
        const names = { spiffeId: 'spiffe://demo.test/prod/ns/{k8s:ns}', dnsNames: ['{k8s:ns}.prod.demo.test'] };
        const parentId = 'spiffe://demo.test/postern/attestor/prod';
        return { entryId: (await enter({ ...names, parentId, selectors: [] })).id };
      },
      409,
      'conflict',
    ],
    ['longer than a month', async () => ({ entryId: 'x', ttlSeconds: 30 * 86_400 + 1 }), 400, 'malformed-request'],
    ['less than a minute', async () => ({ entryId: 'x', ttlSeconds: 59 }), 400, 'malformed-request'],
    ['with what nobody knows', async () => ({ entryId: 'x', secret: 'mine' }), 400, 'malformed-request'],
  ];
  test.each(rows)('is not made for %s', async (_, make, status, code) => {
    const answer = await create(await make());
    expect([answer.status, jsonOf<Problem>(answer).code]).toEqual([status, code]);
  });

  test.each([TEAM, AUDITOR])('is not %s’s to make', async (principal) => {
    const { id } = await enter({ dnsNames: ['d.demo.test'] });
    expect((await create({ entryId: id }, principal)).status).toBe(403);
  });
});
