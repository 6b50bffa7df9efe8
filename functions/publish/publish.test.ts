import { join } from 'node:path';
import { PATHS, type PublishAnswer } from '@postern/api';
import { createFeedLog, digestOfRelease, signRelease } from '@postern/feed';
import { generateSoftwareSigner, openSoftwareKeyRing, parseJws } from '@postern/keys';
import { releaseFrom } from '@postern/policy-engine/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectRefused, problemOf } from '../testing/answers.ts';
import { POLICIES, publish, published } from '../testing/policies.ts';
import { startWorld, type World } from '../testing/world.ts';
import { loadStoredRelease, releaseObject } from './releases.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.remove());

const door = 'publish POST /v1/admin/releases';
const rollBack = (to: number) => world.admin('POST', PATHS.admin.rollback, { to });
const status = async () => (await world.admin('GET', PATHS.admin.status)).json() as Promise<{ releaseNumber: number }>;
const stored = (number: number) => loadStoredRelease({ ...world, ...world.trust, objects: world.objects }, number);
const changed = {
  ...POLICIES,
  'org/more.cedar': '@id("more") forbid (principal, action, resource) when { context.request.path == "/more" };',
};

describe('nothing is published', () => {
  test('of policies that do not compile, and every place that is wrong is named', async () => {
    const files = {
      ...POLICIES,
      'org/a.cedar': 'permit (principal,',
      'org/b.cedar': 'permit principal;',
    };
    const problem = await expectRefused(world, () => publish(world, files), {
      status: 422,
      code: 'policy-invalid',
      door,
      reason: 'policy-invalid',
    });
    const places = (problem['problems'] as { file: string; line: number; column: number }[]).map(
      ({ file, line }) => `${file}:${line}`,
    );
    expect(places).toEqual(expect.arrayContaining(['org/a.cedar:1', 'org/b.cedar:1']));
    expect(await status()).toMatchObject({ releaseNumber: 0 });
  });

  test.each([
    ['a file that is no text', { files: { 'org/a.cedar': 1 } }, 'member-malformed'],
    ['files as a list', { files: ['x'] }, 'member-malformed'],
    ['no files', {}, 'member-malformed'],
    ['a dry run that is not said to be one', { files: {}, dryRun: 'true' }, 'member-malformed'],
    ['a misspelt option, which would be a publication in earnest', { files: {}, dryrun: true }, 'member-unknown'],
    ['a file of more than a mebibyte', { files: { 'org/a.cedar': 'x'.repeat(1024 * 1024 + 1) } }, 'member-malformed'],
  ])('of %s', async (_, body, reason) => {
    const call = () => world.admin('POST', PATHS.admin.releases, body);
    await expectRefused(world, call, {
      status: 400,
      code: 'malformed-request',
      door,
      reason,
      caller: 'local-administrator',
    });
  });

  test('by a dry run, which says what would be', async () => {
    const before = world.effects();
    const answer = (await (await publish(world, POLICIES, { dryRun: true })).json()) as PublishAnswer;
    expect(answer).toMatchObject({
      published: false,
      unchanged: false,
      number: 1,
      digest: '',
      policies: 2,
      services: 1,
    });
    expect(world.effects()).toEqual(before);
    expect(await world.records('administrator-action')).toEqual([]);
    expect((await published(world)).number).toBe(1);
  });

  const faults: [string, () => void][] = [
    [
      'the release key cannot be used',
      () => {
        world.faults.signers = (name) => name === 'release';
      },
    ],
    [
      'the release cannot be stored',
      () => {
        world.faults.objects = ({ name, operation }) => operation === 'putIfAbsent' && name.startsWith('releases/');
      },
    ],
    [
      'the feed cannot be written',
      () => {
        world.faults.table = ({ operation, pks }) => operation === 'transact' && pks.includes('feed');
      },
    ],
    [
      'the feed cannot be read',
      () => {
        world.faults.table = ({ pks }) => pks.includes('feed');
      },
    ],
    [
      'it cannot be recorded',
      () => {
        world.faults.objects = ({ name, operation }) => operation === 'putIfAbsent' && name.startsWith('segments/');
      },
    ],
    [
      'the table does not answer at all',
      () => {
        world.faults.table = () => true;
      },
    ],
  ];
  test.each(faults)('while %s; afterwards it is', async (_, fail) => {
    fail();
    const response = await publish(world);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await problemOf(response)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(world.effects().signs.filter((name) => name === 'release').length).toBeLessThanOrEqual(1);
    delete world.faults.signers;
    delete world.faults.objects;
    delete world.faults.table;
    expect(await status()).toMatchObject({ releaseNumber: 0 });
    expect(await world.records('release-published')).toEqual([]);
    const { number } = await published(world);
    expect(await status()).toMatchObject({ releaseNumber: number });
  });

  test('unrecorded: the release key is not even used', async () => {
    world.faults.objects = ({ name, operation }) => operation === 'putIfAbsent' && name.startsWith('segments/');
    expect((await publish(world)).status).toBe(503);
    expect(world.effects().signs).not.toContain('release');
    expect(world.effects().objects.filter((name) => name.startsWith('releases/'))).toEqual([]);
  });
});

describe('two publications at once', () => {
  test('each have a number of their own; the feed ends at the highest, and whoever lost is told', async () => {
    const again = () => publish(world, POLICIES, { force: true });
    const answers = await Promise.all([again(), publish(world, changed), again()]);
    const statuses = answers.map((answer) => answer.status);
    expect(statuses).toContain(201);
    expect(statuses.every((code) => code === 201 || code === 409)).toBe(true);
    const bodies = await Promise.all(
      answers.filter((answer) => answer.status === 201).map((answer) => answer.json() as Promise<PublishAnswer>),
    );
    const numbers = bodies.map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect((await status()).releaseNumber).toBe(Math.max(...numbers));
    expect((await world.records('release-published')).map(({ releaseNumber }) => releaseNumber).sort()).toEqual(
      numbers.sort(),
    );
  });

  test('a number that a crash left behind is passed over', async () => {
    await world.objects.putIfAbsent(releaseObject(1), Buffer.from('half'));
    expect((await published(world)).number).toBe(2);
  });
});

describe('what the release in force says already', () => {
  const answerOf = async (response: Response) => (await response.json()) as PublishAnswer;

  test.each([
    ['published', false],
    ['tried out', true],
  ])('is no new release when it is %s again: nothing is signed, written or recorded', async (_, dryRun) => {
    const first = await published(world);
    const before = world.effects();
    const response = await publish(world, POLICIES, { dryRun });
    expect(response.status).toBe(200);
    expect(await answerOf(response)).toEqual({ ...first, published: false, unchanged: true });
    expect(world.effects()).toEqual(before);
    expect(await status()).toMatchObject({ releaseNumber: 1 });
  });

  test('is a new release when that is asked for', async () => {
    const first = await published(world);
    const response = await publish(world, POLICIES, { force: true });
    expect(response.status).toBe(201);
    expect(await answerOf(response)).toMatchObject({ published: true, unchanged: false, number: 2 });
    expect((await stored(2))?.contentDigest).toBe((await stored(first.number))?.contentDigest);
  });

  test('is a new release after another one, and a roll back to it is what is in force', async () => {
    await published(world);
    await published(world, changed);
    expect(await published(world)).toMatchObject({ number: 3 });
    expect(await answerOf(await rollBack(2))).toMatchObject({ published: true, number: 4 });
    expect(await answerOf(await publish(world, changed))).toMatchObject({ unchanged: true, number: 4 });
    expect(await published(world)).toMatchObject({ number: 5 });
  });

  test('is a new release when only something beside the policies differs', async () => {
    await published(world);
    const settings = `${POLICIES['postern.yaml']}staleAfterSeconds: 7200\n`;
    expect(await published(world, { ...POLICIES, 'postern.yaml': settings })).toMatchObject({ number: 2 });
    expect((await stored(2))?.contentDigest).toBe((await stored(1))?.contentDigest);
  });

  test('is a new release when the one in force is not vouched for by the key that signs', async () => {
    const jws = await signRelease(releaseFrom(POLICIES), generateSoftwareSigner('ES256'));
    await world.objects.putIfAbsent(releaseObject(1), Buffer.from(jws, 'latin1'));
    const mac = await openSoftwareKeyRing(join(world.dir, 'keys')).mac('facts');
    await createFeedLog({ ...world, mac }).setRelease(1, digestOfRelease(jws));
    expect(await published(world)).toMatchObject({ number: 2 });
  });
});

describe('a roll back', () => {
  test('publishes the older content under a new number, signed anew', async () => {
    const first = await published(world);
    await published(world, changed);
    const answer = (await (await rollBack(1)).json()) as PublishAnswer;
    expect(answer).toMatchObject({ published: true, number: 3 });
    expect(answer.digest).not.toBe(first.digest);
    const [one, three] = [await stored(1), await stored(3)];
    expect(three?.contentDigest).toBe(one?.contentDigest);
    expect(three?.number).toBe(3);
    expect((await world.records('release-published'))[0]).toMatchObject({
      releaseNumber: 3,
      contentDigest: one?.contentDigest,
      by: 'local-administrator',
    });
  });

  test.each([1, 2, 99])('to %i, which was never published, is not found', async (to) => {
    const call = () => rollBack(to);
    await expectRefused(world, call, {
      status: 404,
      code: 'not-found',
      door: `${door}/rollback`,
      reason: 'release-unknown',
    });
  });

  test.each([0, -1, 1.5, '1'])('to %j is malformed', async (to) => {
    const call = () => rollBack(to as number);
    await expectRefused(world, call, {
      status: 400,
      code: 'malformed-request',
      door: `${door}/rollback`,
      reason: 'member-malformed',
    });
  });

  test('signs nothing that somebody put into the object store', async () => {
    await world.objects.putIfAbsent(
      releaseObject(1),
      Buffer.from(await signRelease(releaseFrom(changed), generateSoftwareSigner('ES256'))),
    );
    expect((await published(world)).number).toBe(2);
    const before = world.effects();
    const response = await rollBack(1);
    expect(await problemOf(response)).toMatchObject({
      status: 500,
      code: 'internal',
      instance: expect.stringMatching(/^urn:uuid:/),
    });
    expect(world.effects()).toEqual(before);
    expect(world.logs).toContainEqual(expect.objectContaining({ event: 'door-fault', door: 'publish' }));
    expect((await world.admin('GET', PATHS.admin.releases)).status).toBe(500);
  });

  test('does not pass a release for another that was put in its place', async () => {
    const { number } = await published(world);
    const jws = (await world.objects.get(releaseObject(number))) as Uint8Array;
    await world.objects.putIfAbsent(releaseObject(7), jws);
    await expect(stored(7)).rejects.toThrow();
    expect((await stored(number))?.number).toBe(number);
  });
});

test('what is published is what was signed: object, head, answer and record name one release', async () => {
  const answer = await published(world);
  const jws = Buffer.from((await world.objects.get(releaseObject(answer.number))) as Uint8Array).toString('latin1');
  const parsed = parseJws(jws, { maxBytes: jws.length });
  expect(parsed.ok && parsed.value.header.kid).toBe(world.trust.releaseKeys[0]?.['kid']);
  const [intent] = await world.records('administrator-action');
  const [record] = await world.records('release-published');
  expect(record).toMatchObject({ releaseNumber: answer.number, digest: answer.digest });
  expect(intent).toMatchObject({ action: 'release-publish', subject: `release 1 of content ${record?.contentDigest}` });
  expect((await world.verify()).ok).toBe(true);
});

test('keys of issuers that cannot be fetched do not undo a publication', async () => {
  const issuer =
    'issuers: [{ issuer: "http://127.0.0.1:9", audiences: [a], algorithms: [ES256], tokens: [access-token] }]';
  const answer = await published(world, { ...POLICIES, 'postern.yaml': `${POLICIES['postern.yaml']}${issuer}\n` });
  expect(answer.number).toBe(1);
  expect(world.logs).toContainEqual(
    expect.objectContaining({ event: 'token-keys-not-published', reason: 'issuer-unreachable' }),
  );
});
