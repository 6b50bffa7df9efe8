import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock, failingTable } from '@postern/store/testing';
import { describe, expect, test } from 'vitest';
import { chainNext, chainStart } from './chain.ts';
import { MAX_FACT_BYTES } from './fact_shape.ts';
import type { Fact } from './facts.ts';
import { createFeedLog, FeedTampered, MAX_FACTS_PER_APPEND } from './feed_log.ts';
import { createFeedWorld, HOUR_MS, MAC, postureOf, revocationOf } from './testing/feed_world.ts';
import { MAX_FEED_PAGE_BYTES, MAX_FEED_PAGE_ENTRIES } from './wire.ts';

const LONG = process.env['POSTERN_LONG'] === '1';

describe('the chain', () => {
  test('starts differently for each epoch, so that no entry of one fits into another', () => {
    expect(chainStart('a')).not.toBe(chainStart('b'));
    expect(chainStart('a')).toMatch(/^[0-9a-f]{64}$/);
  });

  test('changes with every member of a fact and with its number, and not with the order of members', () => {
    const fact = postureOf('laptop', 1);
    const start = chainStart('a');
    const value = chainNext(start, { sequence: 1, fact });
    expect(chainNext(start, { sequence: 2, fact })).not.toBe(value);
    expect(chainNext(start, { sequence: 1, fact: { ...fact, compliant: false } })).not.toBe(value);
    expect(chainNext(chainStart('b'), { sequence: 1, fact })).not.toBe(value);
    expect(
      chainNext(start, { fact: Object.fromEntries(Object.entries(fact).reverse()) as unknown as Fact, sequence: 1 }),
    ).toBe(value);
  });
});

describe('writers that meet', () => {
  const count = LONG ? 2000 : 60;

  test('in one instance lose nothing and make one chain', async () => {
    const { log, clock } = await createFeedWorld();
    const answers = await Promise.all(
      Array.from({ length: count }, (_, index) => log.append([revocationOf(`svid:${index}`, clock.nowMs())])),
    );
    expect(answers.every(({ ok }) => ok)).toBe(true);
    await expectWhole(log, count);
  });

  test('in several instances make one chain, and whoever does not get through is told so', async () => {
    const { table, clock } = await createFeedWorld();
    const instances = Array.from({ length: 6 }, () => createFeedLog({ table, mac: MAC }));
    const answers = await Promise.all(
      instances.flatMap((log, instance) =>
        Array.from({ length: 10 }, (_, index) =>
          log.append([revocationOf(`svid:${instance}-${index}`, clock.nowMs())]),
        ),
      ),
    );
    const written = answers.filter(({ ok }) => ok).length;
    expect(answers.every((answer) => answer.ok || answer.reason === 'feed-busy')).toBe(true);
    expect(written).toBeGreaterThan(0);
    await expectWhole(instances[0] as (typeof instances)[0], written);
  });

  test('a writer and a publication do not undo each other', async () => {
    const { table, clock } = await createFeedWorld();
    const [facts, releases] = [createFeedLog({ table, mac: MAC }), createFeedLog({ table, mac: MAC })];
    await Promise.all([
      ...Array.from({ length: 5 }, (_, index) => facts.append([revocationOf(`svid:${index}`, clock.nowMs())])),
      ...Array.from({ length: 5 }, (_, index) => releases.setRelease(index + 1, 'ab'.repeat(32))),
    ]);
    expect(await facts.head()).toMatchObject({ sequence: 5, releaseNumber: 5 });
  });

  test('a write whose answer is lost is seen by the next one, and its number is not given twice', async () => {
    let isLosing = false;
    const world = await createFeedWorld({
      wrapTable: (table) =>
        failingTable(table, ({ operation }) => (isLosing && operation === 'transact' ? 'after' : 'none')),
    });
    isLosing = true;
    await expect(world.log.append([revocationOf('svid:1', 1)])).rejects.toThrow();
    isLosing = false;
    expect(await world.append(revocationOf('svid:2', 1))).toMatchObject({ sequence: 2 });
    await expectWhole(world.log, 2);
  });

  async function expectWhole(log: ReturnType<typeof createFeedLog>, length: number): Promise<void> {
    const head = await log.head();
    let [chain, after] = [chainStart('epoch-1'), 0];
    const subjects = new Set<string>();
    for (;;) {
      const entries = await log.readEntries(after);
      if (entries.length === 0) break;
      for (const entry of entries) {
        expect(entry.sequence).toBe(after + 1);
        chain = chainNext(chain, entry);
        subjects.add(entry.fact.subject);
        after = entry.sequence;
      }
    }
    expect({ sequence: after, chain }).toEqual({ sequence: head?.sequence, chain: head?.chain });
    expect(subjects.size).toBe(length);
  }
});

describe('who can write the table and does not hold the key', () => {
  type World = Awaited<ReturnType<typeof createFeedWorld>>;
  const put = async ({ table }: World, from: [string, string], to: [string, string], change: object = {}) => {
    const item = await table.get({ pk: from[0], sk: from[1] });
    if (item === undefined) throw new Error(`there is no ${from}`);
    await table.put({ pk: to[0], sk: to[1], attributes: { ...item.attributes, ...change } });
  };
  const entry = (number: number): [string, string] => ['feed-entry', String(number).padStart(16, '0')];
  const head: [string, string] = ['feed', 'head'];
  const headBody = (change: object) =>
    JSON.stringify({
      epoch: 'epoch-1',
      sequence: 3,
      chain: chainStart('epoch-1'),
      releaseNumber: 0,
      releaseDigest: '',
      ...change,
    });

  const rows: [string, (world: World) => Promise<unknown>, (world: World) => Promise<unknown>][] = [
    [
      'mints no fact by changing an entry',
      (world) => put(world, entry(1), entry(1), { body: JSON.stringify({ sequence: 1, fact: postureOf('evil', 1) }) }),
      ({ log }) => log.readEntries(0),
    ],
    ['reorders no entries', (world) => put(world, entry(1), entry(2)), ({ log }) => log.readEntries(0)],
    [
      'adds no entry without a MAC',
      (world) => put(world, entry(1), entry(4), { mac: null }),
      ({ log }) => log.readEntries(3),
    ],
    [
      'gives no device the posture of another',
      (world) => put(world, ['fact#posture', 'good'], ['fact#posture', 'bad']),
      ({ log }) => log.latest('posture', 'bad'),
    ],
    [
      'gives no revocation to a posture',
      (world) => put(world, ['fact#posture', 'good'], ['fact#revocation', 'good']),
      ({ log }) => log.latest('revocation', 'good'),
    ],
    [
      'does not cut the feed short and have the rest signed',
      (world) => put(world, head, head, { body: headBody({ sequence: 0 }), version: 'epoch-1/0/0' }),
      ({ publisher }) => publisher.page({ after: 0 }),
    ],
    [
      'starts no new epoch in which nothing is revoked',
      (world) =>
        put(world, head, head, {
          body: headBody({ epoch: 'e', sequence: 0, chain: chainStart('e') }),
          version: 'e/0/0',
        }),
      ({ log }) => log.head(),
    ],
    [
      'does not bring an older release back into force',
      (world) => put(world, head, head, { body: headBody({ releaseNumber: 1 }), version: 'epoch-1/3/1' }),
      ({ log }) => log.append([revocationOf('svid:9', 1)]),
    ],
    [
      'does not pass a head for another by its version',
      (world) => put(world, head, head, { version: 'epoch-1/2/0' }),
      ({ log }) => log.head(),
    ],
  ];
  test.each(rows)('%s', async (_, tamper, read) => {
    const world = await createFeedWorld();
    await world.append(postureOf('good', 1), postureOf('bad', 1, { compliant: false }), revocationOf('svid:1', 1));
    await tamper(world);
    await expect(read(world)).rejects.toBeInstanceOf(FeedTampered);
  });

  test('a head from before heads had MACs is not believed', async () => {
    const table = createMemoryTable({ clock: createManualClock() });
    await table.put({ pk: 'feed', sk: 'head', attributes: { epoch: 'e', sequence: 0, chain: '', version: 'e/0/0' } });
    await expect(createFeedLog({ table, mac: MAC }).open('x')).rejects.toBeInstanceOf(FeedTampered);
  });
});

describe('a fact that follows from another', () => {
  test('is not written once that is no longer so', async () => {
    const { log } = await createFeedWorld();
    const appended = await log.append([revocationOf('svid:1', 1)], async () => false);
    expect(appended).toMatchObject({ ok: false, reason: 'fact-outdated' });
    expect(await log.head()).toMatchObject({ sequence: 0 });
  });

  test('is asked about again when another writer was first', async () => {
    const world = await createFeedWorld();
    const other = createFeedLog({ table: world.table, mac: MAC });
    let asked = 0;
    const isStill = async () => {
      asked += 1;
      const known = await world.log.latest('revocation', 'svid:1');
      if (asked === 1) await other.append([revocationOf('svid:1', 1)]);
      return known === undefined;
    };
    const appended = await world.log.append([revocationOf('svid:1', 2)], isStill);
    expect(appended).toMatchObject({ ok: false, reason: 'fact-outdated' });
    expect(asked).toBe(2);
    expect(await world.log.latest('revocation', 'svid:1')).toMatchObject({ observedAtMs: 1 });
  });
});

describe('a posture', () => {
  const at = 1_000_000;
  const rows: [string, Partial<Fact>, Partial<Fact>, boolean][] = [
    ['newer takes the place of an older one', {}, { observedAtMs: at + 1 }, true],
    ['older is refused, so that a late delivery makes no device compliant again', {}, { observedAtMs: at - 1 }, false],
    ['stricter of the same instant takes the place', { compliant: true }, { compliant: false }, true],
    ['laxer of the same instant is refused', { compliant: false }, { compliant: true }, false],
    ['repeated adds nothing, so that a captured delivery cannot fill the feed', {}, {}, false],
  ];
  test.each(rows)('%s', async (_, known, next, isTaken) => {
    const { log } = await createFeedWorld();
    await log.append([postureOf('laptop', at, known as object)]);
    const appended = await log.append([postureOf('laptop', at, next as object)]);
    expect(appended.ok ? 'taken' : appended.reason).toBe(isTaken ? 'taken' : 'fact-older');
    expect(await log.head()).toMatchObject({ sequence: isTaken ? 2 : 1 });
  });

  test('refused holds back the others of its append: all or none', async () => {
    const { log } = await createFeedWorld();
    await log.append([postureOf('laptop', at)]);
    const appended = await log.append([revocationOf('svid:1', at), postureOf('laptop', at - 1)]);
    expect(appended).toMatchObject({ ok: false, reason: 'fact-older' });
    expect(await log.latest('revocation', 'svid:1')).toBeUndefined();
  });
});

describe('bounds', () => {
  const huge = 'x'.repeat(MAX_FACT_BYTES);
  const rows: [string, unknown, string][] = [
    ['a fact that is too large', revocationOf('svid:1', 1, { reason: huge }), 'fact-too-large'],
    ['a subject of 2,049 bytes', revocationOf('s'.repeat(2049), 1), 'fact-malformed'],
    ['no subject', revocationOf('', 1), 'fact-malformed'],
    ['a time that is no whole number', revocationOf('svid:1', 1.5), 'fact-malformed'],
    ['a negative time', revocationOf('svid:1', -1), 'fact-malformed'],
    ['a member of another type', { ...postureOf('a', 1), compliant: 'yes' }, 'fact-malformed'],
    ['a kind that nobody knows', { ...postureOf('a', 1), kind: 'rumour' }, 'fact-kind-unknown'],
    ['a kind that every object has', { ...postureOf('a', 1), kind: 'constructor' }, 'fact-kind-unknown'],
  ];
  test.each(rows)('%s is refused before anything is written', async (_, fact, reason) => {
    const { log } = await createFeedWorld();
    expect(await log.append([fact as Fact])).toMatchObject({ ok: false, reason });
    expect(await log.head()).toMatchObject({ sequence: 0 });
  });

  test('subjects on both sides of what a sort key holds are kept apart', async () => {
    const { append, log } = await createFeedWorld();
    const stem = `spiffe-id:spiffe://demo.test/${'a'.repeat(600)}`;
    const subjects = [`${stem}/one`, `${stem}/two`, 'k'.repeat(400), 'k'.repeat(401), 'ü'.repeat(256), 'ü'.repeat(255)];
    for (const [index, subject] of subjects.entries()) await append(revocationOf(subject, index + 1));
    for (const [index, subject] of subjects.entries()) {
      expect(await log.latest('revocation', subject)).toMatchObject({ subject, notBeforeMs: index + 1 });
    }
  });

  test('a subject twice and more facts than a transaction holds are bugs of the caller', async () => {
    const { log } = await createFeedWorld();
    await expect(log.append([revocationOf('a', 1), revocationOf('a', 2)])).rejects.toBeInstanceOf(RangeError);
    const many = Array.from({ length: MAX_FACTS_PER_APPEND + 1 }, (_, index) => revocationOf(`${index}`, 1));
    await expect(log.append(many)).rejects.toBeInstanceOf(RangeError);
    expect(await log.append(many.slice(1))).toMatchObject({ ok: true });
  });

  test('a page ends at its number of entries and at its bytes, and goes on where it ended', async () => {
    const { append, log } = await createFeedWorld();
    const reason = 'x'.repeat(100 * 1024);
    const count = Math.ceil(MAX_FEED_PAGE_BYTES / reason.length) + 5;
    for (let index = 0; index < count; index++) await append(revocationOf(`svid:${index}`, 1, { reason }));
    const first = await log.readEntries(0);
    expect(first.length).toBeLessThan(count);
    expect(JSON.stringify(first).length).toBeLessThanOrEqual(MAX_FEED_PAGE_BYTES * 1.01);
    const rest = await log.readEntries(first.length);
    expect([...first, ...rest].map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    );
    for (let index = 0; index <= MAX_FEED_PAGE_ENTRIES; index += 40)
      await append(...Array.from({ length: 40 }, (_, next) => revocationOf(`session:${index + next}`, 1)));
    expect(await log.readEntries(count)).toHaveLength(MAX_FEED_PAGE_ENTRIES);
  });

  test('nothing is appended to or published in a feed that was never opened', async () => {
    const log = createFeedLog({ table: createMemoryTable({ clock: createManualClock() }), mac: MAC });
    expect(await log.append([revocationOf('svid:1', HOUR_MS)])).toMatchObject({ reason: 'feed-empty' });
    expect(await log.setRelease(1, 'ab'.repeat(32))).toMatchObject({ reason: 'feed-empty' });
  });

  test('a release number is used once and only grows', async () => {
    const { log } = await createFeedWorld();
    expect(await log.setRelease(2, 'ab'.repeat(32))).toMatchObject({ ok: true });
    for (const number of [2, 1, 0])
      expect(await log.setRelease(number, 'cd'.repeat(32))).toMatchObject({ reason: 'release-number-taken' });
    expect(await log.head()).toMatchObject({ releaseNumber: 2, releaseDigest: 'ab'.repeat(32) });
  });
});

describe('a genuine item in the place of another', () => {
  const HEAD = { pk: 'feed', sk: 'head' };
  async function kinds() {
    const world = await createFeedWorld();
    await world.append(revocationOf('svid:1', 1));
    const entry = await world.table.get({ pk: 'feed-entry', sk: '0000000000000001' });
    const fact = await world.table.get({ pk: 'fact#revocation', sk: 'svid:1' });
    const head = await world.table.get(HEAD);
    if (!entry || !fact || !head) throw new Error('not there');
    return { world, entry, fact, head };
  }

  test.each(['entry', 'fact'] as const)('an %s is no head without members', async (kind) => {
    const { world, ...items } = await kinds();
    const { body, mac } = items[kind].attributes as { body: string; mac: Uint8Array };
    const { epoch, sequence, releaseNumber } = JSON.parse(body) as { [name: string]: unknown };
    const version = `${epoch}/${sequence}/${releaseNumber}`;
    await world.table.put({ ...HEAD, attributes: { body, mac, version } });
    await expect(world.log.head()).rejects.toBeInstanceOf(FeedTampered);
  });

  test('a head is no entry, and an entry no fact', async () => {
    const { world, head, entry } = await kinds();
    await world.table.put({ pk: 'feed-entry', sk: '0000000000000001', attributes: head.attributes });
    await expect(world.log.readEntries(0)).rejects.toBeInstanceOf(FeedTampered);
    await world.table.put({ pk: 'fact#revocation', sk: 'svid:1', attributes: entry.attributes });
    await expect(world.log.latest('revocation', 'svid:1')).rejects.toBeInstanceOf(FeedTampered);
  });
});
